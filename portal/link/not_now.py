"""The customer says "not now": an event tells the firm, and the link goes on working."""

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
# Later there is a linked company, which the customer can call wrong instead.
MAY_DECLINE = (Stage.PICK, Stage.CONSENT, Stage.AUTHORISE, Stage.WAITING, Stage.REFUSED)


@link.get("/<token>/leave")
def ask(token: str) -> AnyResponse:
    """Ask whether the customer wants to stop, and why, which they need not say."""
    visit = find_visit(token)
    if visit.stage not in MAY_DECLINE:
        return redirect(f"/link/{token}", 303)
    return page("leave", visit, reasons=REASONS)


@link.post("/<token>/leave")
def decline(token: str) -> AnyResponse:
    """Record where and why the customer stops, then offer the way back to the firm if any."""
    visit = find_visit(token)
    if visit.stage not in MAY_DECLINE:
        return redirect(f"/link/{token}", 303)
    given = request.form.get("reason", "")
    reason = given if given in REASONS else ""
    stage = str(visit.stage)
    after = visit.act(lambda journey: rules.decline(journey, stage, reason, visit.now))
    back = firms_address(after, "failed" if _failed(visit) else "left")
    return page("left", after, back=back)


def firms_address(visit: Visit, status: str) -> str | None:
    """Return the firm's address for its customer, with the outcome; None if it gave none."""
    url = visit.journey.return_url
    if url is None:
        return None
    return with_query(url, f"journey={visit.journey.id}&status={status}")


def _failed(visit: Visit) -> bool:
    """Whether Codat reported that linking failed, and not that the customer refused."""
    connection = connection_of(visit.journey, visit.company)
    return visit.stage is Stage.REFUSED and not (connection and connection.is_refusal)
