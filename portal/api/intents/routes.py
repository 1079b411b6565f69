"""What is to be done at Codat: what waits, what was given up, and giving it another try."""

from http import HTTPStatus

from flask_openapi.models.tag import Tag

from portal.api.intents.schemas import (
    IntentList,
    IntentQuery,
    Retried,
    Retry,
    Withdrawal,
    Withdrawn,
    intent_shape,
)
from portal.http.auth import caller
from portal.http.company_selection import cost_of
from portal.http.groups import Reply, described, group
from portal.services import services
from relay.services import intents
from relay.services.intents import IntentFilter
from relay.store.intents.names import intent_name
from relay.store.intents.queue import Priority
from relay.times import now_ms

api = group(
    "intents",
    __name__,
    Tag(name="Intents", description="What is to be done at Codat, and what was given up."),
)


@api.get("/intents", responses={200: IntentList})
def list_intents(query: IntentQuery) -> Reply:
    """List what is to be done at Codat, with attempts and the last error."""
    wanted = IntentFilter(query.kind, query.company, query.like)
    found, total = intents.list_intents(services().store, query.state, wanted, query.limit)
    return IntentList(intents=[intent_shape(one) for one in found], total=total).model_dump()


@api.post("/intents/retry", responses={200: Retried, 202: Retried, **described("forbidden")})
def retry_intents(body: Retry) -> Reply:
    """Run dead intents again. What waits is due already, and is left alone."""
    wanted = IntentFilter(body.kind, body.company)
    dead = intents.dead_intents(services().store, body.names, wanted)
    companies = {record.company_id for record in dead if record.company_id}
    calls = sum(record.priority is not Priority.LOCAL for record in dead)
    like = sorted({intent_name(record.kind, "*") for record in dead})
    cost = cost_of(len(companies), calls)
    answer = Retried(retried=len(dead), like=like, cost=cost).model_dump()
    if body.preview:
        return answer, HTTPStatus.OK
    intents.retry_intents(services().store, services().hints, dead, now_ms())
    return answer, HTTPStatus.ACCEPTED


@api.post("/intents/withdraw", responses={200: Withdrawn, **described("forbidden")})
def withdraw_intents(body: Withdrawal) -> Reply:
    """Stop what waits and has not begun: it counts as given up, and can be run again."""
    store, hints = services().store, services().hints
    done = intents.withdraw_intents(
        store, hints, body.names, body.like, by=caller().name, now=now_ms()
    )
    return Withdrawn(withdrawn=done.withdrawn, running=done.running).model_dump()
