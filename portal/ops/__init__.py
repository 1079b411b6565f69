"""The operators' pages. What they do is done by `relay/services`."""
