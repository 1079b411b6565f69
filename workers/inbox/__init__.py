"""From message to committed change: drain, fold, handlers. Nothing here calls Codat."""
