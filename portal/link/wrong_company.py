"""Begin again after a wrong company: also when what was to do it broke off after the unlinking."""

from codat.statuses import ConnectionStatus
from portal.link.visit import Visit
from relay.journeys import rules
from relay.journeys.stage import connection_of, identity


def undone(seen: Visit) -> Visit:
    """Give the visit begun again, once what the customer called wrong is linked no more."""
    connection = connection_of(seen.journey, seen.company)
    if not seen.journey.is_unlinking:
        return seen
    if connection is not None and connection.status == ConnectionStatus.LINKED:
        return seen
    return begun_again(seen)


def begun_again(seen: Visit) -> Visit:
    """Give the visit begun again; what it called wrong must be unlinked, or not its to unlink."""
    found = identity(seen.journey, seen.company)
    return seen.act(lambda journey: rules.restart(journey, found, seen.now))
