"""The API resource `timeline`: routes and schemas, no business rules."""
