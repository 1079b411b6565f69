"""The API, one folder per resource, found by looking. Rules of business are in `relay/services`."""
