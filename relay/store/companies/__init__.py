"""Company states, their comparison and erasure, with their scripts in `lua/`."""
