"""What every route shares: problems, tokens, headers, bodies. No route of its own."""
