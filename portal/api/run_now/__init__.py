"""The API resource `run_now`: routes and schemas, no business rules."""
