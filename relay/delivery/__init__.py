"""Webhooks out: what a subscription is, where it may post, how. The loop is in `workers`."""
