"""Start again after a wrong company, also when the first try stopped after the unlinking."""

from codat.statuses import ConnectionStatus
from portal.link.visit import Visit
from relay.journeys import rules
from relay.journeys.stage import connection_of, identity


def restart_if_unlinked(visit: Visit) -> Visit:
    """Start again once the company that the customer called wrong is unlinked."""
    connection = connection_of(visit.journey, visit.company)
    if not visit.journey.is_unlinking:
        return visit
    if connection is not None and connection.status == ConnectionStatus.LINKED:
        return visit
    return restart(visit)


def restart(visit: Visit) -> Visit:
    """Start again; the company must be unlinked, or linked before the journey."""
    found = identity(visit.journey, visit.company)
    return visit.act(lambda journey: rules.restart(journey, found, visit.now))
