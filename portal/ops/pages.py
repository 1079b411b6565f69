"""Pages for whoever runs the service: sign in, see the load, and mend what is linked no more."""

from typing import Any, cast

import structlog
from flask import Blueprint, Response, make_response, render_template, request
from redis.exceptions import RedisError

from portal.http import auth
from portal.http.groups import Reply
from portal.http.headers import OPS_WITH_SCRIPT
from portal.http.problems import CONTENDED, KINDS, STORE_AWAY_SECONDS, Refusal
from portal.ops import linking as ops_linking
from portal.ops import load as ops_load
from portal.ops import session
from portal.services import services
from relay.store.journeys.records import Contended
from relay.store.server.durable import NotDurable
from relay.tokens import Token

ops = Blueprint("ops", __name__, url_prefix="/ops", template_folder="templates")

OPEN = ("ops.home", "ops.sign_in", "ops.sign_out")
NOT_OURS = "This form was not sent from our own page, or waited too long. Send it again."
MAY_LOOK = "Your token may only look. Sign in with one that has the role `operate`."
ACCEPTED = "Accepted. The list shows it in a moment."
AWAY = "Redis does not answer; nothing can be shown for now. Try again in a few seconds."

log = structlog.get_logger(__name__)


@ops.before_request
def let_in() -> Response | None:
    """Let nobody reach a page without signing in, whichever it is."""
    if request.endpoint in OPEN or session.signed_in():
        return None
    return session.home()


@ops.get("/")
def home() -> Reply:
    """Show what there is to see, or the form by which one signs in."""
    return _page("home") if session.signed_in() else _sign_in()


@ops.post("/sign-in")
def sign_in() -> Reply:
    """Begin a session with a token of either role."""
    if not session.form_is_ours(session.FORM):
        return _sign_in(NOT_OURS, 400)
    if not session.begin(request.form.get("token", "")):
        return _sign_in(auth.NOT_KNOWN, 401)
    return session.home()


@ops.post("/sign-out")
def sign_out() -> Reply:
    """End the session."""
    if not session.form_is_ours(session.SESSION):
        return _sign_in(NOT_OURS, 400)
    session.end()
    return session.home()


@ops.get("/load")
def load() -> Reply:
    """Show how many syncs each of the coming hours holds, and whether Codat's limits cover them."""
    return _page("load", load=ops_load.coming())


@ops.get("/linking")
def linking() -> Reply:
    """Show the companies whose link needs somebody."""
    return _linking()


@ops.post("/linking/<company_id>/invite")
def invite(company_id: str) -> Reply:
    """Make a link for a broken connection, and show it this once, also when loaded again."""
    if refused := _not_allowed():
        return refused
    wanted = request.form.get("connection", "")[:64]
    key, secret = request.form.get("key", ""), session.secret()
    made = ops_linking.invite(company_id, wanted, _person().name, key, secret)
    if made is None:
        return _linking(NOT_OURS, 400)
    answer = _page("invited", made=made)
    answer.headers["Content-Security-Policy"] = OPS_WITH_SCRIPT  # it offers to copy
    return answer


@ops.post("/linking/<company_id>/accept")
def accept(company_id: str) -> Reply:
    """Take another company's name for the right one."""
    if refused := _not_allowed():
        return refused
    ops_linking.accept(company_id, _person().name, request.form.get("identity_mark", ""))
    return _linking(ACCEPTED)


@ops.errorhandler(Refusal)
def refused(refusal: Refusal) -> Reply:
    """Say why something was not done."""
    answer = make_response(_linking(refusal.detail))
    answer.status_code = KINDS[refusal.kind].status
    return answer


@ops.after_request
def private(answer: Response) -> Response:
    """Keep these pages out of caches, and the session in its cookie."""
    answer.headers["Cache-Control"] = "no-store"
    return session.keep_cookies(answer)


@ops.errorhandler(RedisError)
@ops.errorhandler(NotDurable)
@ops.errorhandler(Contended)
def away(error: Exception) -> Reply:
    """Say so when the store does not answer, or not as it must, or others were quicker."""
    log.warning("ops.not_served", error=str(error)[:200])
    said = CONTENDED if isinstance(error, Contended) else AWAY
    answer = make_response(render_template("ops/away.html", said=said), 503)
    answer.headers["Retry-After"] = str(STORE_AWAY_SECONDS)
    return answer


def _linking(said: str = "", status: int = 200) -> Response:
    after = request.args.get("after", "")[:64]
    may = _person().role == "operate"
    return _page(
        "linking",
        status,
        said=said,
        may=may,
        listed=ops_linking.listed(after),
        began_after=after,
        new_key=ops_linking.new_key,
    )


def _not_allowed() -> Response | None:
    """Refuse what is not ours to send, or not this person's to do."""
    if not session.form_is_ours(session.SESSION):
        return _linking(NOT_OURS, 400)
    if _person().role != "operate":
        return _linking(MAY_LOOK, 403)
    return None


def _person() -> Token:
    return cast(Token, session.signed_in())  # let_in has seen to it


def _sign_in(said: str = "", status: int = 200) -> Response:
    return _page("sign_in", status, said=said, csrf=session.form_proof(session.FORM))


def _page(name: str, status: int = 200, **more: Any) -> Response:
    person = session.signed_in()
    given = {
        "person": person,
        "leave": session.form_proof(session.SESSION) if person else "",
        "uses_sandbox": services().settings.uses_sandbox,
    }
    return make_response(render_template(f"ops/{name}.html", **given | more), status)
