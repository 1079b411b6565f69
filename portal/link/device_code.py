"""A customer's link on another computer: a short address, and a code that opens it once.

The link itself is kept nowhere: the code is made slow to guess (scrypt), and seals it.
"""

import hashlib
import secrets

import structlog
from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.http.problems import Refusal
from portal.link import errors, views
from portal.link.visit import LONGEST_TOKEN, WornOut, find_visit, page
from portal.services import services
from relay.journeys import rules
from relay.journeys.stage import Stage

pc = Blueprint("link_pc", __name__)
errors.register(pc)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read as another
ALIKE = str.maketrans("OIL", "011", "- ")
LENGTH = 8
BEFORE_LINK = (Stage.AUTHORISE, Stage.WAITING, Stage.REFUSED)
SALT = b"codat-relay: a link on another computer"
FULL = "Others have their codes worked on; try again in a moment."

log = structlog.get_logger(__name__)


@pc.post("/link/<token>/code")
def make(token: str) -> AnyResponse:
    """Show the steps with a code for another computer."""
    visit = find_visit(token)
    platform = visit.journey.platform
    if platform is None or not platform.is_offline or visit.stage not in BEFORE_LINK:
        return redirect(f"/link/{token}", 303)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    if visit.journey.is_worn():
        raise WornOut
    digest, pad = _keys(code)
    visit = visit.act(lambda journey: rules.note_code_shown(journey, visit.now))
    services().store.codes.keep(digest, _xor(token.encode(), pad).hex())
    return views.steps_page(visit, pc_code=f"{code[:4]}-{code[4:]}")


@pc.get("/pc")
def ask() -> Response:
    """Ask for the code."""
    return page("pc")


@pc.post("/pc")
def take() -> AnyResponse:
    """Open the link that the code stands for; each that opens none has one same answer.

    What would not be heard is not made slow to guess either, which is what costs.
    """
    code = request.form.get("code", "")[:64].upper().translate(ALIKE)
    if len(code) != LENGTH or set(code) - set(ALPHABET):
        return _opens_nothing()
    if services().store.codes.are_shut():
        log.warning("link.codes_shut", reason="many codes were tried that open nothing")
        return _opens_nothing()
    digest, pad = _keys(code)
    sealed = services().store.codes.take(digest)
    if sealed is None:
        return _opens_nothing()
    return redirect(f"/link/{_xor(bytes.fromhex(sealed), pad).decode()}", 303)


def _opens_nothing() -> Response:
    return page("pc", status=404, missed=True)


def _keys(code: str) -> tuple[str, bytes]:
    """Give what the code is known by, and what seals the one link it opens; raises Refusal."""
    if not services().code_hash_limit.acquire(blocking=False):
        raise Refusal("busy", FULL)
    try:
        size = 32 + LONGEST_TOKEN
        derived = hashlib.scrypt(code.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=size)
    finally:
        services().code_hash_limit.release()
    return derived[:32].hex(), derived[32:]


def _xor(text: bytes, pad: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))
