"""A company as Codat showed it when asked: the cure for hints, bad dates and lost webhooks."""

from dataclasses import replace

from codat.records import Company as CodatCompany
from codat.records import read_time
from relay.companies.company import DELETED, Company, CompanyStatus, NameSource, Sync, Version
from relay.inbox.message import Action
from relay.syncs.data_status import may_miss_reads
from relay.syncs.schedule import ALL
from relay.syncs.tracking import FIRST, begin
from workers.inbox.outcome import Outcome
from workers.inbox.routing import Router

router = Router()

LOOK_AFTER = 60_000  # ms, at how far Codat's own first sync has come


@router.on("relay.company_read")
def company_read(company: Company, action: Action) -> Outcome:
    """Take over every connection as it was when asked; one that Codat no longer shows is gone."""
    return as_shown(company, CodatCompany.from_json(action.payload["company"]), action.version)


@router.on("relay.company_gone")
def company_gone(company: Company, action: Action) -> Outcome:
    """Mark a company deleted that Codat does not know; one we never held stays unknown.

    One of which Codat reported something later is there, although Codat did not know it when asked.
    Should Codat show it when asked again (the key was another client's), it is there again.
    """
    if company.deleted or not company.known or company.name_version > action.version:
        return Outcome(company)
    return (
        Outcome(company.gone(action.version))
        .log("company.deleted", note="Codat does not know this company")
        .request("cadence")
    )


def as_shown(company: Company, shown: CodatCompany, version: Version) -> Outcome:
    """Return the company as Codat showed it at `version`, except what is known to be newer."""
    newly_linked = False
    after = company.named(shown.name, version)
    if after.deleted and version > after.deleted_version:
        after = replace(after, deleted=False)
    if isinstance(shown.raw.get("tags"), dict):
        after = after.tagged(shown.tags, version)
    for connection in shown.connections:
        held = after.connections.get(connection.id)
        after = after.with_connection(connection, version)
        now = after.connections.get(connection.id)
        now_linked = now is not None and now.status == "Linked"
        newly_linked |= now_linked and (held is None or held.status != "Linked")
    if isinstance(shown.raw.get("dataConnections"), list):  # else nothing is said of connections
        after = _without_gone(after, {connection.id for connection in shown.connections}, version)
        after = replace(after, listed=max(version, after.listed))
    outcome = Outcome(after)
    if company.name_source is NameSource.PLACEHOLDER and after.name != company.name:
        outcome = outcome.request("name")  # it finds out who renamed it, perhaps we, and says so
    if after.status != company.status:
        outcome = outcome.request("cadence")
    if may_miss_reads(after, shown, version[0]):
        outcome = outcome.request("data")
    if newly_linked:
        outcome = _first_sync(company, shown, outcome, version).request("info", link=True)
    return outcome


def _first_sync(
    company: Company, shown: CodatCompany, outcome: Outcome, version: Version
) -> Outcome:
    """Follow the first sync of a link whose webhook was lost, where we know since when it can run.

    That is since the connection was last known not to be linked, else since it was made. Of a
    company that we first hear of, or with others linked before, it is not known.
    """
    if not company.known or company.status is CompanyStatus.LINKED:
        return outcome
    known = [held.version[0] for held in company.connections.values()]
    made = [at for one in shown.connections if (at := read_time(one.created)) is not None]
    since = max(known or made, default=version[0])
    began = begin(outcome.company, Sync(FIRST, min(since, version[0])), ALL)
    return outcome.with_company(began).request("track", delay=LOOK_AFTER)


def _without_gone(company: Company, present: set[str], version: Version) -> Company:
    gone = {
        key: replace(held, status=DELETED, version=version)
        for key, held in company.connections.items()
        if key not in present and held.status != DELETED and held.version < version
    }
    return replace(company, connections={**company.connections, **gone}) if gone else company
