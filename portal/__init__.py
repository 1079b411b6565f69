"""The Flask app for people and downstream systems: the API, its documentation, health and metrics.

It reads and writes through `relay.store`, and calls Codat only to create a company that a person or
the firm's application asked for. Webhooks are the receiver's, work at Codat the workers'.
"""
