"""What we hold of a company, and the pure rules that change it. No store, no HTTP."""
