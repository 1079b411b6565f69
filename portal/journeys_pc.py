"""A customer's link on another computer: a short address, and a code that opens it once.

The link itself is kept nowhere: the code is made slow to guess (scrypt), and seals it.
"""

import hashlib
import secrets

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal import journeys_pages, journeys_sorry
from portal.journeys_sorry import gone
from portal.journeys_visit import LONGEST_TOKEN, page, visit
from portal.parts import parts
from relay.stages import Stage

pc = Blueprint("link_pc", __name__)
journeys_sorry.register(pc)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read as another
ALIKE = str.maketrans("OIL", "011", "- ")
LENGTH = 8
BEFORE_LINK = (Stage.AUTHORISE, Stage.WAITING, Stage.REFUSED)
SALT = b"codat-relay: a link on another computer"


@pc.post("/link/<token>/code")
def make(token: str) -> AnyResponse:
    """Show the steps with a code for another computer."""
    seen = visit(token)
    platform = seen.journey.platform
    if platform is None or not platform.is_offline or seen.stage not in BEFORE_LINK:
        return redirect(f"/link/{token}", 303)
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    digest, pad = _keys(code)
    parts().store.codes.keep(digest, _xor(token.encode(), pad).hex())
    return journeys_pages.steps_page(seen, pc_code=f"{code[:4]}-{code[4:]}")


@pc.get("/pc")
def ask() -> Response:
    """Ask for the code."""
    return page("pc")


@pc.post("/pc")
def take() -> AnyResponse:
    """Open the link that the code stands for; each that opens none has one same answer."""
    code = request.form.get("code", "")[:64].upper().translate(ALIKE)
    if len(code) != LENGTH or set(code) - set(ALPHABET):
        return gone()
    digest, pad = _keys(code)
    sealed = parts().store.codes.take(digest, request.remote_addr or "")
    if sealed is None:
        return gone()
    return redirect(f"/link/{_xor(bytes.fromhex(sealed), pad).decode()}", 303)


def _keys(code: str) -> tuple[str, bytes]:
    """Give what the code is known by, and what seals the one link it opens."""
    derived = hashlib.scrypt(code.encode(), salt=SALT, n=2**14, r=8, p=1, dklen=32 + LONGEST_TOKEN)
    return derived[:32].hex(), derived[32:]


def _xor(text: bytes, pad: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))
