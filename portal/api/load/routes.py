"""The load of the coming hours: how many syncs each holds, and whether Codat's limits suffice."""

from collections.abc import Sequence

from portal.api.load.schemas import Load, LoadBody, LoadQuery, load_shape
from portal.http.company_selection import Selection, chosen
from portal.http.groups import Reply, described, group
from portal.http.tags import SCHEDULES
from portal.services import services
from relay.services.load_forecast import forecast_load
from relay.times import now_ms

api = group("load", __name__, SCHEDULES)


@api.get("/schedules/load", responses={200: Load})
def get_load(query: LoadQuery) -> Reply:
    """Tell how many syncs each of the coming hours holds."""
    return _load(query.hours)


@api.post("/schedules/load", responses={200: Load, **described("unknown-company")})
def load_as_it_would_be(body: LoadBody) -> Reply:
    """Tell the load with what a change would add, or that of some companies alone."""
    filters = {"companies": body.companies, "status": body.status, "platform": body.platform}
    given = {name: value for name, value in filters.items() if value}
    selection = Selection.model_validate(given) if given else None
    return _load(body.hours, body.added, selection)


def _load(hours: int, added: Sequence[int] = (), selection: Selection | None = None) -> Reply:
    store, calls_per_minute = services().store, services().settings.relay_calls_per_minute
    companies = chosen(selection) if selection else None
    forecast = forecast_load(
        store, calls_per_minute, hours, now_ms(), added=added, companies=companies
    )
    return load_shape(forecast).model_dump()
