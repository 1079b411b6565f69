"""The API resource `stream`: routes and schemas, no business rules."""
