"""The API resource `schedules`: routes and schemas, no business rules."""
