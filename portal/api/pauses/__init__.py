"""The API resource `pauses`: routes and schemas, no business rules."""
