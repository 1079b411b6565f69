"""The API resource `reconciliations`: routes and schemas, no business rules."""
