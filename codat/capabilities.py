"""Hides what opens something for whoever reads it: one-time addresses, tokens, codes, passwords.

Codat's link addresses need no other proof: who has one can link books of their own to that company
(Codat: auth-flow/authorize-hosted-link). So nobody is shown one, unless it is what they asked for.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

HIDDEN = "[hidden]"

# How the names of such fields end, in small letters and without signs between.
_NAMES = re.compile(
    r"(?:(?:link|auth|authorize|authorise|authorization|authorisation|login|signin|consent|magic)"
    r"(?:url|uri|link)"
    r"|redirect(?:url|uri)?"
    r"|token|secret|password|passwd|passcode|passphrase|otp|apikey|privatekey|authorization"
    r"|credentials?|cookie|(?:auth|authorization|authorisation|verification|onetime|access|login)code"
    r"|oauth(?:2?(?:code|state))?)s?$"
)
_OAUTH = {"code", "state"}  # fields that are nothing of the kind but beside each other
# Parts of an address that hold such things: some by a word in its name, some only as a parameter.
_WORDS = (
    r"otp|token|secret|signature|password|passwd|passcode|apikey|api[_-]key|credentials?|jwt"
    r"|assertion|(?:auth|authorization)[_-]?code|verifier"
)
_PARAMETERS = r"code|state|sig|key|pwd|pass|auth|ticket|sid|session(?:[_-]?id)?|nonce|invite"
_VALUE = r"[^\s&#;\"'<>\\]+"
_SHAPES = [
    # An address at which companies are linked, whatever the environment (`link-api-uat`); also
    # within another address, where its signs are written by their numbers.
    (r"(?<![a-z0-9-])([a-z0-9-]{0,30}link[a-z0-9-]{0,30}\.codat\.io(?::[0-9]+)?)(?:[/?#]|%2f|%3f)"
     r"[^\s\"'<>\\]*", rf"\1/{HIDDEN}"),
    # The link of a journey.
    (r"(/link/)[\w-]{20,}", rf"\1{HIDDEN}"),
    (rf"(?<![\w.-])([\w.-]{{0,40}}?(?:{_WORDS})[\w.%-]{{0,40}}?(?:=|%3d)){_VALUE}",
     rf"\1{HIDDEN}"),
    (rf"((?:[?&;#]|%3f|%26|%23)(?:{_PARAMETERS})(?:=|%3d)){_VALUE}", rf"\1{HIDDEN}"),
    (r"(://)[^\s/?#]+(?=@)", rf"\1{HIDDEN}"),  # an address's user and password
    (r"whsec_[A-Za-z0-9+/=]+", HIDDEN),
    (r"(?:Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{6,}", HIDDEN),
    (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", HIDDEN),  # a JSON Web Token
]  # fmt: skip
_TEXTS = [(re.compile(shape, re.IGNORECASE), shown) for shape, shown in _SHAPES]
_PAIR = re.compile(
    r'"([^"\\]{1,64})"\s*:\s*(?:"[^"\\]*(?:\\.[^"\\]*)*"?|[^\s,\[\]{}"]+)', re.DOTALL
)
_OPENING = re.compile(r'"([^"\\]{1,64})"\s*:\s*[\[{]')
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|/)")
# Without any of these in its JSON a value holds nothing to hide; most events have none.
_SIGNS = (
    b"://", b"=", b"%3", b".codat.io", b"/link/", b"whsec_", b"basic ", b"bearer ", b"eyj",
    b"oauth", b"url", b"uri", b'link"', b"redirect", b"token", b"secret", b"passw", b"passc",
    b"passphrase", b"otp", b"api", b"private", b"authori", b"credential", b"cookie", b"code",
)  # fmt: skip


@lru_cache(maxsize=4096)
def is_capability(name: str) -> bool:
    """Tell whether a field of this name holds such a thing, however the name is written."""
    return _NAMES.search(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def hidden(value: Any) -> Any:
    """Return a JSON value without such things, by the names of fields and the shape of texts."""
    if isinstance(value, str):
        return hidden_text(value)
    if isinstance(value, Mapping):
        names = {name for name in value if is_capability(name)}
        if len(oauth := {name for name in value if name.lower() in _OAUTH}) == len(_OAUTH):
            names |= oauth
        return {
            hidden_text(name): HIDDEN
            if name in names and inner not in (None, "", True, False)
            else hidden(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [hidden(inner) for inner in value]
    return value


def hidden_json(raw: bytes) -> bytes:
    """Return JSON of our writing without such things; as it is where it holds none."""
    small = raw.lower()
    if not any(sign in small for sign in _SIGNS):
        return raw
    return orjson.dumps(hidden(orjson.loads(raw)))


def hidden_text(text: str) -> str:
    """Return a text without such things: addresses stay, but for what makes them work."""
    for shape, shown in _TEXTS:
        text = shape.sub(shown, text)
    return text


def hidden_body(text: str) -> str:
    """Return a body that cannot be read without what would stand there as JSON."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", text)
    for found in _OPENING.finditer(plain):
        if is_capability(found[1]):
            plain = plain[: found.end()] + HIDDEN  # where it ends nobody can tell
            break
    plain = _PAIR.sub(
        lambda found: f'"{found[1]}":"{HIDDEN}"' if is_capability(found[1]) else found[0], plain
    )
    return hidden_text(plain)
