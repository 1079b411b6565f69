"""Pages about the service itself: what it is, its API's documentation, its problems."""
