"""Journeys, their codes and the platforms on offer, with their scripts in `lua/`."""
