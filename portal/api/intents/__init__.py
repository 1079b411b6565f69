"""The API resource `intents`: routes and schemas, no business rules."""
