"""The operators' pages. What they do is done by `relay/services`; the API is in `portal/api`."""
