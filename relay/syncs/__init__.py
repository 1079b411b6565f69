"""When data is synced, and with what result: schedules, pauses, policy. Pure rules, no store."""
