"""Subscriptions and how their deliveries went, with their scripts in `lua/`."""
