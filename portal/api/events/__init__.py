"""The API resource `events`: routes and schemas, no business rules."""
