"""The API resource `subscriptions`: routes and schemas, no business rules."""
