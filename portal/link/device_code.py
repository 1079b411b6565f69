"""A customer's link on another computer: a short address, and a code that opens it once.

The link is not stored in plain: a key made from the code by a slow hash (scrypt) encrypts it.
"""

import hashlib
import secrets

import structlog
from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.http.problems import Refusal
from portal.link import errors, views
from portal.link.visit import MAX_TOKEN_LENGTH, WornOut, find_visit, page
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
BUSY = "Other codes are being worked on; try again in a moment."

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
    """Open the link that the code stands for; every wrong code gets the same answer.

    The slow hash, which is expensive, is made only for a code that will be looked up.
    """
    code = request.form.get("code", "")[:64].upper().translate(ALIKE)
    if len(code) != LENGTH or set(code) - set(ALPHABET):
        return _wrong_code()
    if services().store.codes.are_locked():
        log.warning("link.codes_locked", reason="many codes were tried that open nothing")
        return _wrong_code()
    digest, pad = _keys(code)
    sealed = services().store.codes.take(digest)
    if sealed is None:
        return _wrong_code()
    return redirect(f"/link/{_xor(bytes.fromhex(sealed), pad).decode()}", 303)


def _wrong_code() -> Response:
    return page("pc", status=404, missed=True)


def _keys(code: str) -> tuple[str, bytes]:
    """Return the digest a code is stored under, and the pad that encrypts its link; may refuse."""
    if not services().code_hash_limit.acquire(blocking=False):
        raise Refusal("busy", BUSY)
    try:
        size = 32 + MAX_TOKEN_LENGTH
        derived = hashlib.scrypt(code.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=size)
    finally:
        services().code_hash_limit.release()
    return derived[:32].hex(), derived[32:]


def _xor(text: bytes, pad: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))
