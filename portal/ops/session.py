"""Sessions of the operators' pages: one signs in with a token of the API, then a cookie does."""

import hmac
import secrets
from typing import cast

from flask import Response, g, redirect, request

from portal.services import services
from relay.store.access.sessions import LASTS
from relay.tokens import LONGEST, Token, digest_of

HOME = "/ops/"
SESSION = "relay_ops"
FORM = "relay_ops_form"  # a cookie; proves that a sign-in was sent from our own form
FORM_LASTS_SECONDS = 3600
FIELD = "csrf"


def signed_in() -> Token | None:
    """Return whose session this request belongs to; None without one, or if its token is gone."""
    if "ops_person" not in g:
        g.ops_person = _person()
    return cast(Token | None, g.ops_person)


def begin(token: str) -> bool:
    """Begin a session for the holder of a token, under an id of its own; False if unknown."""
    token = token.strip()
    if not 0 < len(token) <= LONGEST or services().tokens.find(token) is None:
        return False
    session_id = secrets.token_urlsafe(32)
    services().store.sessions.begin(session_id, digest_of(token))
    g.ops_new_session = session_id
    return True


def end() -> None:
    """End the session of this request."""
    if session_id := request.cookies.get(SESSION):
        services().store.sessions.end(session_id)
    g.ops_new_session = ""


def secret() -> str:
    """Return what only this session's browser knows; the store has a hash of it."""
    return request.cookies.get(SESSION, "")


def form_proof(cookie: str) -> str:
    """Return the value that tells a form of ours from a forged one."""
    secret = request.cookies.get(cookie)
    if not secret and cookie == FORM:
        secret = g.ops_form = secrets.token_urlsafe(32)
    return _proof(secret) if secret else ""


def form_is_ours(cookie: str) -> bool:
    """Whether the form that was sent carries the proof that belongs to the cookie."""
    secret, sent = request.cookies.get(cookie), request.form.get(FIELD, "")
    if not secret:
        return False
    return hmac.compare_digest(_proof(secret).encode(), sent.encode(errors="replace"))


def keep_cookies(answer: Response) -> Response:
    """Put cookies that were made or ended in this request on its answer."""
    if "ops_form" in g:
        _set(answer, FORM, g.ops_form, FORM_LASTS_SECONDS)
    if "ops_new_session" in g:
        _set(answer, SESSION, g.ops_new_session, LASTS if g.ops_new_session else 0)
        _set(answer, FORM, "", 0)
    return answer


def redirect_home() -> Response:
    """Redirect to the first page, which has the form to sign in."""
    return cast(Response, redirect(HOME, 303))


def _person() -> Token | None:
    session_id = request.cookies.get(SESSION)
    session = services().store.sessions.get(session_id) if session_id else None
    if session_id is None or session is None:
        return None
    person = services().tokens.holder(session.token)
    if person is None:  # its token is no longer valid: the session ends with it
        services().store.sessions.end(session_id)
    return person


def _proof(secret: str) -> str:
    return hmac.new(secret.encode(errors="replace"), b"form", "sha256").hexdigest()


def _set(answer: Response, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=HOME.rstrip("/"),
        secure=services().settings.public_url.startswith("https://"),
        httponly=True,
        samesite="Strict",
    )
