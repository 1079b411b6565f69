"""Pages for whoever runs the service: sign in, and see the load of the coming day and week."""

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from redis.exceptions import RedisError

from portal import ops_load, ops_session
from portal.groups import Reply
from portal.parts import parts

ops = Blueprint("ops", __name__, url_prefix="/ops")

OPEN = ("ops.home", "ops.sign_in", "ops.sign_out")
NOT_OURS = "This form was not sent from our own page, or waited too long. Send it again."
NOT_KNOWN = "This token is not known here. Ask an operator for one, or look at RELAY_TOKENS."
AWAY = "Redis does not answer; nothing can be shown for now. Try again in a few seconds."


@ops.before_request
def let_in() -> Response | None:
    """Let nobody reach a page without signing in, whichever it is."""
    if request.endpoint in OPEN or ops_session.signed_in():
        return None
    return ops_session.home()


@ops.get("/")
def home() -> Reply:
    """Show what there is to see, or the form by which one signs in."""
    return _page("home") if ops_session.signed_in() else _sign_in()


@ops.post("/sign-in")
def sign_in() -> Reply:
    """Begin a session with a token of either role."""
    if not ops_session.form_is_ours(ops_session.FORM):
        return _sign_in(NOT_OURS, 400)
    if not ops_session.begin(request.form.get("token", "")):
        return _sign_in(NOT_KNOWN, 401)
    return ops_session.home()


@ops.post("/sign-out")
def sign_out() -> Reply:
    """End the session."""
    if not ops_session.form_is_ours(ops_session.SESSION):
        return _sign_in(NOT_OURS, 400)
    ops_session.end()
    return ops_session.home()


@ops.get("/load")
def load() -> Reply:
    """Show how many syncs each of the coming hours holds, and whether Codat's limits cover them."""
    return _page("load", load=ops_load.coming())


@ops.after_request
def private(answer: Response) -> Response:
    """Keep these pages out of caches, and the session in its cookie."""
    answer.headers["Cache-Control"] = "no-store"
    return ops_session.keep_cookies(answer)


@ops.errorhandler(RedisError)
def away(error: RedisError) -> Reply:
    """Say so when the store does not answer."""
    return make_response(render_template("ops/away.html", said=AWAY), 503)


def _sign_in(said: str = "", status: int = 200) -> Response:
    return _page("sign_in", status, said=said, csrf=ops_session.form_proof(ops_session.FORM))


def _page(name: str, status: int = 200, **more: Any) -> Response:
    person = ops_session.signed_in()
    given = {
        "person": person,
        "leave": ops_session.form_proof(ops_session.SESSION) if person else "",
        "uses_sandbox": parts().settings.uses_sandbox,
    }
    return make_response(render_template(f"ops/{name}.html", **given | more), status)
