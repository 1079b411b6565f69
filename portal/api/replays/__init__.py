"""The API resource `replays`: routes and schemas, no business rules."""
