"""The RQ side: drains lanes, folds events, does what must be done at Codat.

A job is only a hint; what there is to do stands in the store. Handlers are pure, and only
`perform` and what it calls speak to Codat.
"""
