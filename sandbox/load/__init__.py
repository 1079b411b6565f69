"""Storms of webhooks: made beforehand, sent to an endpoint. Stories are in `scenarios`."""
