"""Use cases that the API, pages, command line and workers share. No HTTP, no locator."""
