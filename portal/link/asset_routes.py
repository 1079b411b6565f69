"""Serve what the customer's pages are made with: script, logos, icon. All from our address."""

from flask import Blueprint, Response, make_response

from portal.http.problems import Refusal
from portal.link import errors, platforms
from portal.link.errors import gone
from portal.services import services
from relay.store.journeys.platforms import Logo

link = Blueprint("link_files", __name__, url_prefix="/link")
errors.register(link)

LOGO_SECONDS, FALLBACK_SECONDS = 86_400, 300
FOR_GOOD = "public, max-age=31536000, immutable"
# A logo is a picture and nothing else, also when its address is opened by itself.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@link.get("/script-<digest>.js")
def script(digest: str) -> Response:
    """Return the script; under an older address too, as a page may be older."""
    assets = services().assets
    answer = make_response(assets.script)
    answer.mimetype = "text/javascript"
    answer.headers["Cache-Control"] = FOR_GOOD if f"-{digest}." in assets.script_url else "no-cache"
    return answer


@link.get("/logos/<key>")
def logo(key: str) -> Response:
    """Return a platform's logo from our own address, or a fallback logo."""
    try:
        integration = services().platforms.one(key)
    except Refusal:
        integration = None
    if integration is None:
        return _picture(platforms.fallback_logo(key), FALLBACK_SECONDS)
    found, is_own = services().platforms.logo(integration)
    return _picture(found, LOGO_SECONDS if is_own else FALLBACK_SECONDS)


@link.get("/icon")
def icon() -> Response:
    """Return the firm's initial in its colour, for the browser's tab."""
    brand = services().brand
    initial = platforms.fallback_logo(brand.name, brand.colour, brand.on_colour, max_letters=1)
    return _picture(initial, LOGO_SECONDS)


@link.get("/brand-logo")
def brand_logo() -> Response:
    """Return the firm's logo."""
    brand = services().brand
    if not brand.logo_content:
        return gone()
    return _picture(Logo(brand.logo_type, brand.logo_content), LOGO_SECONDS)


def _picture(found: Logo, seconds: int) -> Response:
    answer = make_response(found.content)
    answer.mimetype = found.media_type
    answer.headers["Cache-Control"] = f"public, max-age={seconds}"
    answer.headers["Content-Security-Policy"] = LOGO_POLICY
    return answer
