"""The customer's pages. The firm's API for journeys is in `portal/api/journeys`."""
