"""The API resource `load`: routes and schemas, no business rules."""
