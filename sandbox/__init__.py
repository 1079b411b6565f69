"""A stand-in Codat for local runs, demos and tests: its API, link pages and signed webhooks.

Knows `codat` and nothing else of this project, as Codat itself would. `world` and what it uses do
no input or output; `routes` is the HTTP edge, `delivery` sends the webhooks, `wire` can cut a
connection.
"""
