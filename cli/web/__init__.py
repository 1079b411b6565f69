"""The web process in front of the WSGI apps: reads requests, limits connections. No routes."""
