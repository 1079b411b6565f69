"""The API resource `health`: routes and schemas, no business rules."""
