"""The API resource `operations`: routes and schemas, no business rules."""
