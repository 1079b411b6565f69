"""The headings of the API's description that several resources share.

A resource with a heading of its own makes it where it makes its routes.
"""

from flask_openapi.models.tag import Tag

COMPANIES = Tag(
    name="Companies",
    description="Companies linked through Codat: what is held of them, and what happened.",
)
EVENTS = Tag(name="Events", description="The log of everything that happened, by cursor or live.")
JOURNEYS = Tag(name="Journeys", description="Invitations of customers to link their books.")
MESSAGES = Tag(name="Messages", description="What Codat sent, and handling it again.")
SCHEDULES = Tag(
    name="Schedules",
    description="When each company's data are synced, and the load that this makes.",
)
