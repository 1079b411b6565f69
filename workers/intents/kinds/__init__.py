"""One file per kind of intent: what one attempt at it does. Nothing else belongs here.

A file's name is the kind's name. Its `run` makes an attempt and returns the result; errors of
Codat's client are judged by `workers.intents.retry_policy`. It may also say `IS_LOCAL = True` or
`IN_BACKGROUND = True`, and define `action_for`: see `workers.intents.kind`.
"""
