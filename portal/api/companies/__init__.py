"""The API resource `companies`: routes and schemas, no business rules."""
