"""Saying "not now": the customer leaves, the firm is told, and the link goes on working."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.http.addresses import with_query
from portal.link import errors
from portal.link.visit import Visit, find_visit, page
from relay.journeys import rules
from relay.journeys.stage import Stage, connection_of

link = Blueprint("link_leaving", __name__, url_prefix="/link")
errors.register(link)

REASONS = ("later", "ask", "no_access", "unwilling")
# Where there is something to say no to; after that there is a wrong company to be told of.
MAY_LEAVE = (Stage.PICK, Stage.CONSENT, Stage.AUTHORISE, Stage.WAITING, Stage.REFUSED)


@link.get("/<token>/leave")
def ask(token: str) -> AnyResponse:
    """Ask whether the customer wants to stop, and why, which they need not say."""
    visit = find_visit(token)
    if visit.stage not in MAY_LEAVE:
        return redirect(f"/link/{token}", 303)
    return page("leave", visit, reasons=REASONS)


@link.post("/<token>/leave")
def leave(token: str) -> AnyResponse:
    """Note where and why the customer leaves, then take them back to the firm if it said where."""
    visit = find_visit(token)
    if visit.stage not in MAY_LEAVE:
        return redirect(f"/link/{token}", 303)
    given = request.form.get("reason", "")
    reason = given if given in REASONS else ""
    stage = str(visit.stage)
    after = visit.act(lambda journey: rules.decline(journey, stage, reason, visit.now))
    back = firms_address(after, "failed" if _failed(visit) else "left")
    return page("left", after, back=back)


def firms_address(visit: Visit, status: str) -> str | None:
    """Give where the firm wants its customer back, if anywhere, with how it went."""
    url = visit.journey.return_url
    if url is None:
        return None
    return with_query(url, f"journey={visit.journey.id}&status={status}")


def _failed(visit: Visit) -> bool:
    """Whether linking failed, by Codat's word and not by the customer's own will."""
    connection = connection_of(visit.journey, visit.company)
    return visit.stage is Stage.REFUSED and not (connection and connection.is_refusal)
