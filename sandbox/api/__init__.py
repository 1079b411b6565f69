"""The sandbox over HTTP: Codat's API, link pages and our controls. What happens is in `world`."""
