"""The API resource `journeys`: routes and schemas, no business rules."""
