"""The sandbox's webhooks: bodies, signing, sending, and how that goes wrong."""
