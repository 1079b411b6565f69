"""The API resource `messages`: routes and schemas, no business rules."""
