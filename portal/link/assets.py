"""What the customer's pages are made with: style, script, logos. All of it from us.

The style stands in each page, so a first page is painted after one answer on a slow line; the
pages' policy names it by its digest and allows no other. The script is named with a digest of
what is in it, so browsers keep it for good.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from flask import Blueprint, Response, make_response

from portal.http.problems import Refusal
from portal.link import errors, platforms
from portal.link.errors import gone
from portal.link.words import Brand
from portal.services import parts
from relay.store.journeys.platforms import Logo

link = Blueprint("link_files", __name__, url_prefix="/link")
errors.register(link)

LOGO_SECONDS, MARK_SECONDS = 86_400, 300
FOR_GOOD = "public, max-age=31536000, immutable"
# A logo is a picture and nothing else, also for whoever opens its address.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True)
class Files:
    """The pages' style, in the firm's colours, the digest that lets it in, and their script."""

    style: str
    style_digest: str  # as a Content-Security-Policy has it
    script: str
    script_url: str


def files(brand: Brand) -> Files:
    """Read ours and put the firm's colours in."""
    colours = (
        f":root{{--brand:{brand.colour};--on-brand:{brand.on_colour};--link:{brand.link_colour}}}"
    )
    portal = resources.files("portal")
    style = (portal / "link/static/link.css").read_text("utf-8") + colours
    scripts = ("static/copy.js", "link/static/link.js")
    script = "".join((portal / name).read_text("utf-8") for name in scripts)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    script_url = f"/link/script-{sha256(script.encode()).hexdigest()[:12]}.js"
    return Files(style, f"'sha256-{digest}'", script, script_url)


@link.get("/script-<digest>.js")
def script(digest: str) -> Response:
    """Give the script; under an older address too, as a page may be older."""
    files = parts().files
    answer = make_response(files.script)
    answer.mimetype = "text/javascript"
    answer.headers["Cache-Control"] = FOR_GOOD if f"-{digest}." in files.script_url else "no-cache"
    return answer


@link.get("/logos/<key>")
def logo(key: str) -> Response:
    """Give a platform's logo from our own address, or a mark of ours in its place."""
    try:
        integration = parts().platforms.one(key)
    except Refusal:
        integration = None
    if integration is None:
        return _picture(platforms.mark(key), MARK_SECONDS)
    found, is_own = platforms.logo(parts().codat, integration)
    return _picture(found, LOGO_SECONDS if is_own else MARK_SECONDS)


@link.get("/icon")
def icon() -> Response:
    """Give the firm's initial in its colour, for the browser's tab."""
    brand = parts().brand
    mark = platforms.mark(brand.name, brand.colour, brand.on_colour, most=1)
    return _picture(mark, LOGO_SECONDS)


@link.get("/brand-logo")
def brand_logo() -> Response:
    """Give the firm's logo."""
    brand = parts().brand
    if not brand.logo_content:
        return gone()
    return _picture(Logo(brand.logo_type, brand.logo_content), LOGO_SECONDS)


def _picture(found: Logo, seconds: int) -> Response:
    answer = make_response(found.content)
    answer.mimetype = found.media_type
    answer.headers["Cache-Control"] = f"public, max-age={seconds}"
    answer.headers["Content-Security-Policy"] = LOGO_POLICY
    return answer
