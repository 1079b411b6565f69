"""The linking page: invite a customer to link again, or accept another company's name."""

import re
import secrets

from flask import request

from portal.api.journeys import inviting
from portal.api.journeys.schemas import JourneyBody, JourneyCreated
from portal.http.groups import Reply
from portal.http.problems import KINDS, Refusal, refusal_of
from portal.ops import session
from portal.ops.base import FORM_NOT_OURS, add_page, check_operator, person, render
from portal.services import services
from relay.services.accept_identity import accept_identity
from relay.services.attempt import Attempt
from relay.services.errors import Refused
from relay.services.find_companies import find_company
from relay.services.invite import link_token
from relay.services.links_to_repair import links_to_repair
from relay.times import Millis, now_ms

ACCEPTED = "Accepted. The list shows it in a moment."
KEY = re.compile("[0-9a-f]{22}")  # of a form: when it was made, in ms, and chance
KEY_LASTS_MS = 24 * 3_600_000
SKEW_MS = 60_000  # by which the clock of another host may be ahead

page = add_page(
    "linking",
    "Linking",
    "whose connection broke, to invite again, and who was taken for another company",
)


@page.get()
def show() -> Reply:
    """Show the companies whose link an operator must repair."""
    return _list()


@page.post("/<company_id>/invite")
def invite(company_id: str) -> Reply:
    """Make a link for a broken connection, and show it once; a reload shows the same link."""
    try:
        check_operator()
        made = _invite(company_id)
    except (Refusal, Refused) as error:
        refusal = refusal_of(error)
        return _list(refusal.detail, KINDS[refusal.kind].status)
    return render("invited", has_script=True, made=made)  # the script copies the link


@page.post("/<company_id>/accept")
def accept(company_id: str) -> Reply:
    """Accept another company's name as the right one."""
    mark = request.form.get("identity_mark", "")
    try:
        check_operator()
        store, hints = services().store, services().hints
        accept_identity(store, hints, find_company(store, company_id), person().name, mark)
    except (Refusal, Refused) as error:
        refusal = refusal_of(error)
        return _list(refusal.detail, KINDS[refusal.kind].status)
    return _list(ACCEPTED)


def _invite(company_id: str) -> JourneyCreated:
    """Make the link by which a broken connection is linked again; raises Refusal or RedisError.

    The same form sent again, as by a reload, gives the same link. It is made from the session's
    secret and stored nowhere.
    """
    key = request.form.get("key", "")
    began = Millis(int(key[:12], 16) if KEY.fullmatch(key) else 0)
    if not -SKEW_MS <= now_ms() - began <= KEY_LASTS_MS:
        raise Refusal("malformed", FORM_NOT_OURS)
    connection_id = request.form.get("connection", "")[:64]
    company = find_company(services().store, company_id)
    body = JourneyBody.model_validate({"company_id": company.id, "connection_id": connection_id})
    attempt = Attempt(request_id=key, salt=f"{key}:{company.id}:{connection_id}", began=began)
    token = link_token(attempt, session.secret())
    return inviting.invite(body, attempt, token, person().name)


def _new_key() -> str:
    """Return a key for one form, which makes one link however often the form is sent."""
    return f"{now_ms():012x}{secrets.token_hex(5)}"


def _list(message: str = "", status: int = 200) -> Reply:
    after = request.args.get("after", "")[:64]
    found = links_to_repair(services().store, after)
    return render(
        "linking",
        status,
        message=message,
        may_operate=person().role == "operate",
        links=found.links,
        after=found.after,
        began_after=after,
        new_key=_new_key,
    )
