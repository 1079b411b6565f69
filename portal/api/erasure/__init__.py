"""The API resource `erasure`: routes and schemas, no business rules."""
