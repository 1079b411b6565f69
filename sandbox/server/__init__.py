"""Runs a sandbox: sockets, process and file. The application is in `api`."""
