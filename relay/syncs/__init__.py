"""When data is synced, and how it ended: schedules, pauses, policy. Pure rules, no store."""
