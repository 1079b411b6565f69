"""See, set and preview when companies are synced.

Each file is a subcommand; what they share is in `cli/schedules.py` and `cli/schedule_list.py`.
"""

ORDER = 60
DEFAULT = "list"
