"""The API resource `policy`: routes and schemas, no business rules."""
