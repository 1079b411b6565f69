"""One file per kind of intent: what is done at Codat, one attempt at a time.

Each gives how the attempt ended; errors of the client are judged by `workers.intents.retry_policy`.
"""
