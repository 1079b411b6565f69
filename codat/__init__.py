"""What Codat is: statuses, webhook bodies, signatures and its API. No Redis, Flask, environment."""
