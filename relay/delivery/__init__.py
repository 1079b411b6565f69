"""Webhooks out: subscriptions, allowed addresses, the sender. The delivery loop is in `workers`."""
