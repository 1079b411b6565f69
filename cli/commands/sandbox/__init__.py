"""Run the sandbox that stands in for Codat: same API, link page and signed webhooks.

Each file is a subcommand. The sandbox itself is the package `sandbox`.
"""

ORDER = 230
