"""The style and the script of the customer's pages.

The style stands in each page, so a first page is painted after one answer on a slow line; the
pages' policy names it by its digest and allows no other. The script is named with a digest of
what is in it, so browsers keep it for good.
"""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from portal.link.words import Brand


@dataclass(frozen=True, slots=True)
class Assets:
    """The pages' style, in the firm's colours, the digest that lets it in, and their script."""

    style: str
    style_digest: str  # as a Content-Security-Policy has it
    script: str
    script_url: str


def assets(brand: Brand) -> Assets:
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
    return Assets(style, f"'sha256-{digest}'", script, script_url)
