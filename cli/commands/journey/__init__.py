"""Invite customers to link, and see how far they come.

Each file is a subcommand; what they share is in `cli/invitations.py`.
"""

ORDER = 90
DEFAULT = "list"
