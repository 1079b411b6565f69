"""Measures this service beside the naive way of doing the same, in one run on one machine.

Nothing here is part of the service. All traffic stays on the loopback, everything is bounded in
time, and only what was started here is ended.
"""
