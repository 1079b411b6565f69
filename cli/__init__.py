"""The command line `codat-relay`, and what runs all processes on one machine.

Puts the other packages together; none of them imports this one.
"""
