"""The web process in front of the WSGI apps: takes requests in, keeps room. No routes."""
