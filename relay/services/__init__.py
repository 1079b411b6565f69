"""Use cases that API, pages, command line and workers share. No HTTP, no global look-ups."""
