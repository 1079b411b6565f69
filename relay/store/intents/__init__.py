"""Intents and the budget of calls they spend, with their scripts in `lua/`."""
