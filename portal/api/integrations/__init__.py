"""The API resource `integrations`: routes and schemas, no business rules."""
