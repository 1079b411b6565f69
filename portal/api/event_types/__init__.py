"""The API resource `event_types`: routes and schemas, no business rules."""
