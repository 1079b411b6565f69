"""What we hold: settings, company rules, cadences, the store and its scripts, queues.

`company` and `cadence` do no I/O. Only `settings` reads the environment, and only `store` spells a
Redis key. Nothing here serves HTTP, runs a worker or a clock.
"""
