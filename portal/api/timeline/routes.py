"""One company's events, the newest first, paged towards older and newer ones."""

from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field

from portal.http.groups import Cursor, Given, Reply, described, group
from portal.http.parameters import CompanyPath
from portal.http.problems import Refusal
from portal.http.tags import COMPANIES
from portal.services import services
from relay.store.log.encoded import EncodedEvent

api = group("timeline", __name__, COMPANIES)

PAGING = (
    "The newest first. `older` and `newer` lead on from here: ask with `before=<older>` or"
    " `after=<newer>`. `older` is null at the beginning; what is newer may always still come."
)


class TimelineQuery(Given):
    """Which of them; without `before` and `after` the newest."""

    before: Cursor | None = None
    after: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Timeline(BaseModel):
    """Events as CloudEvents 1.0."""

    events: list[dict[str, Any]]
    older: str | None
    newer: str


@api.get(
    "/companies/<company_id>/timeline",
    description=PAGING,
    responses={200: Timeline, **described("unknown-company")},
)
def get_timeline(path: CompanyPath, query: TimelineQuery) -> Reply:
    """Return what happened to one company."""
    if query.before is not None and query.after is not None:
        raise Refusal("invalid", "Send `before` or `after`, not both.")
    company, store = path.company_id.lower(), services().store
    found = store.events.timeline(company, query.limit + 1, before=query.before, after=query.after)
    known = found or store.events.timeline(company, 1) or store.companies.get(company)
    if not known:
        raise Refusal("unknown-company", "No event is about a company of this id.")
    return _page(found, query).model_dump()


def _page(found: list[EncodedEvent], query: TimelineQuery) -> Timeline:
    more = len(found) > query.limit
    if query.after is not None:
        shown = found[-query.limit :]
        older = bool(shown)
    else:
        shown = found[: query.limit]
        older = more
    edge = query.after if query.after is not None else query.before or 0
    return Timeline(
        events=[orjson.loads(event.json) for event in shown],
        older=str(shown[-1].sequence) if shown and older else None,
        newer=str(shown[0].sequence if shown else edge),
    )
