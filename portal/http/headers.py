"""Security headers on every answer: nothing is framed, sniffed, or loaded from elsewhere."""

from http import HTTPStatus

from flask import Flask, Response, request

from portal.services import services

STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = STRICT + "; style-src 'self'"
# The documentation page is a script: it reads its description from here and calls only this API,
# and its style sheet carries icons as data: addresses.
DOCS = PAGE + "; script-src 'self'; img-src 'self' data:; connect-src 'self'"

# A customer's pages send forms here, and one script of ours asks here whether they moved on. Their
# one style stands in the page, and its digest is put here.
LINK = STRICT.replace("form-action 'none'", "form-action 'self'")
LINK += "; style-src {}; img-src 'self'; script-src 'self'; connect-src 'self'"

# The operators' pages send forms here; their pictures are part of the page.
OPS = PAGE.replace("form-action 'none'", "form-action 'self'")
OPS_WITH_SCRIPT = OPS + "; script-src 'self'"


def register(app: Flask) -> None:
    """Put the headers on all that the app answers, errors included."""

    @app.after_request
    def secure(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Content-Security-Policy", _policy(request.path))
        if request.path.startswith("/v1"):
            headers["Cache-Control"] = "no-store"
        _stay_here(response)
        return response


def _stay_here(response: Response) -> None:
    """Make a redirect of the framework's lead to where the caller is, as our own do.

    It would name the scheme and host that we see: behind a proxy for TLS that is plain http, and
    a client that follows it sends its token unencrypted.
    """
    location = response.location or ""
    if response.status_code == HTTPStatus.PERMANENT_REDIRECT and location.startswith(
        request.host_url
    ):
        response.location = "/" + location.removeprefix(request.host_url).lstrip("/\\")
        response.set_data(b"")


def _policy(path: str) -> str:
    if path.startswith("/v1"):
        return STRICT
    if path.startswith("/link") or path == "/pc":
        return LINK.format(services().assets.style_digest)
    if path.startswith("/ops"):
        return OPS
    return DOCS if path == "/docs" else PAGE
