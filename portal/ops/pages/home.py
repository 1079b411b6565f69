"""The first page: the list of pages, or the form to sign in; and signing out."""

from flask import request

from portal.http import auth
from portal.http.groups import Reply
from portal.ops import session
from portal.ops.base import FORM_NOT_OURS, ops, render


@ops.get("/")
def home() -> Reply:
    """Show what pages there are, or the form to sign in."""
    return render("home") if session.signed_in() else _sign_in_form()


@ops.post("/sign-in")
def sign_in() -> Reply:
    """Begin a session with a token of either role."""
    if not session.form_is_ours(session.FORM):
        return _sign_in_form(FORM_NOT_OURS, 400)
    if not session.begin(request.form.get("token", "")):
        return _sign_in_form(auth.NOT_KNOWN, 401)
    return session.redirect_home()


@ops.post("/sign-out")
def sign_out() -> Reply:
    """End the session."""
    if not session.form_is_ours(session.SESSION):
        return _sign_in_form(FORM_NOT_OURS, 400)
    session.end()
    return session.redirect_home()


def _sign_in_form(message: str = "", status: int = 200) -> Reply:
    proof = session.form_proof(session.FORM)
    return render("sign_in", status, message=message, csrf=proof)
