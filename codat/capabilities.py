"""Hides what grants access to anyone who reads it: one-time addresses, tokens, codes, passwords.

Codat's link addresses need no other proof: anyone who has one can link their own books to that
company (Codat: auth-flow/authorize-hosted-link). So one is shown only where it was asked for.
"""

import html
import re
import unicodedata
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import orjson

HIDDEN = "[hidden]"

_LEADING = (  # what an address leads to, in its name
    r"link|linking|auth|reauth|authorize|authorise|authorization|authorisation|login|signin"
    r"|consent|magic|onetime|connect|reconnect|invite|invitation|reset|verification|activation"
)
_OF_KEYS = r"api|private|secret|access|auth|signing|encryption|shared|master|session"
# How the names of such fields end, in small letters and without signs between.
_NAMES = re.compile(
    rf"(?:(?:{_LEADING})(?:url|uri|link)"
    r"|redirect(?:url|uri)?"
    r"|(?:token|secret|password|passwd|passcode|passphrase)(?:value)?|otp|jwt|bearer"
    rf"|(?:{_OF_KEYS})key"
    r"|authorization|authheader|credentials?|cookie|sessionid|verifier|assertion"
    r"|(?:auth|authorization|authorisation|verification|onetime|access|login|security|sms|mfa"
    r"|invite|device|pairing)code"
    r"|oauth(?:2?(?:code|state))?"
    r"|^(?:pin|pwd|pass|auth))s?[0-9]*$"
)
_OAUTH = {"code", "state"}  # fields that are secret only beside each other
# Where a field's name and its value are two fields, or two entries of a list.
_NAMING = frozenset({"name", "key", "field", "header", "parameter"})
_NAMED = frozenset({"value", "values"})
# Parts of an address that hold such things: some by a word in its name, some only as a parameter.
_WORDS = (
    r"otp|token|secret|signature|password|passwd|passcode|apikey|api[_-]key|credentials?|jwt"
    r"|assertion|verifier|(?:auth|authorization|access|verification|security|login)[_-]?code"
    r"|(?:auth|access|private|shared|signing|subscription|functions)[_-]?key"
)
_PARAMETERS = (
    r"code|state|sig|key|pin|pwd|pass|auth|bearer|hmac|ticket|sid|session(?:[_-]?id)?|nonce"
    r"|invite|invitation|[tk]"
)
_HOOKS = (
    r"hooks\.slack\.com/(?:services|workflows|triggers)/|(?:[a-z]+\.)?discord(?:app)?\.com/api/"
    r"webhooks/|hooks\.zapier\.com/hooks/|[a-z0-9-]+\.webhook\.office\.com/|hook\.[a-z0-9]+\.make\.com/"
    r"|api\.telegram\.org/(?:file/)?bot|maker\.ifttt\.com/"
)
_IN_VALUE = r"[^\s&#;\"'<>\\]"
_VALUE = _IN_VALUE + "+"
_EQUALS = r"(?:\[[^\]\s]{0,20}\]|%5b[^&\s=]{0,20}?%5d)?(?:=|%3d)[\"']?"
_SHAPES = [
    # An address at which companies are linked, in any environment (`link-api-uat`); also
    # within another address, where its signs are written by their numbers.
    (r"(?<![a-z0-9-])([a-z0-9-]{0,30}link[a-z0-9-]{0,30}\.codat\.io)\.?(:[0-9]+)?"
     r"(?:[/?#\\]|%2f|%3f)[^\s\"'<>]*", rf"\1\2/{HIDDEN}"),
    # The link of a journey.
    (r"((?:/|%2f)link(?:/|%2f))[\w-]{20,}", rf"\1{HIDDEN}"),
    # Addresses of other services at which anyone can post who knows the path.
    (rf"(://(?:{_HOOKS}))[^\s?#\"'<>\\]+", rf"\1{HIDDEN}"),
    (rf"((?:{_WORDS})[\w.%-]{{0,40}}?{_EQUALS}){_VALUE}", rf"\1{HIDDEN}"),
    (rf"((?:[?&;#]|%3f|%26|%23)(?:{_PARAMETERS}){_EQUALS}){_VALUE}", rf"\1{HIDDEN}"),
    (r"(://)[^\s/?#]+(?=@)", rf"\1{HIDDEN}"),  # an address's user and password
    (r"whsec_[A-Za-z0-9+/=]+", HIDDEN),
    # Not of a name such as Basic Industries: with a digit, or capitals within the word.
    (r"(?:Basic|Bearer)[\s:]+(?-i:(?=[A-Za-z+/._~-]*[0-9=]|(?:[A-Za-z]*?[a-z][A-Z]){2}))"
     r"[A-Za-z0-9+/=._~-]{6,}", HIDDEN),
    (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", HIDDEN),  # a JSON Web Token
    # In words, or in the lines of a header: what has a digit or is long is no word of a sentence.
    (r"((?:cookie|authorization)[\\\"']{0,2}\s?:\s?[\\\"']{0,2})(?=[^\r\n\"']{0,80}?[0-9=])"
     r"[^\r\n\"']+", rf"\1{HIDDEN}"),
    (rf"((?:{_WORDS})[\w-]{{0,20}}?[\\\"']{{0,2}}\s{{0,2}}[:=]\s{{0,2}}[\\\"']{{0,2}})"
     rf"(?={_IN_VALUE}{{4}})(?={_IN_VALUE}{{0,80}}?[0-9]|{_IN_VALUE}{{12}}){_VALUE}",
     rf"\1{HIDDEN}"),
    (r"((?:(?:one[ -]?time|verification|security|access|login|sign[ -]?in|authori[sz]ation)"
     r" (?:code|pin)|password|passcode)(?: is|:| was) )(?=[^\s]{0,80}?[0-9])[^\s,;]{4,}",
     rf"\1{HIDDEN}"),
]  # fmt: skip
_TEXTS = [(re.compile(shape, re.IGNORECASE), shown) for shape, shown in _SHAPES]
_PAIR = re.compile(
    r'"([^"\\]{1,64})"\s*:\s*(?:"[^"\\]*(?:\\.[^"\\]*)*"?|[^\s,\[\]{}"]+)', re.DOTALL
)
_OPENING = re.compile(r'"([^"\\]{1,64})"\s*:\s*[\[{]')
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|/)")
# Texts that may be written otherwise than they read: by numbers, for HTML, in other widths.
_ENCODED = re.compile(r"%[0-9a-fA-F]{2}|&#?\w|\\[u/]|[^\x00-\x7f]")
_WORD = re.compile(r"[^\s\"'<>]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,}={0,2}")
_URL_SIGNS = str.maketrans("-_", "+/")
_MIN_BASE64 = 24
_MAX_NAME = 64
_MAX_DEPTH = 3  # layers of writing that are looked through
# Without any of these a text holds nothing to hide; most have none.
_MARKS = ("://", "=", "%", "&", "\\", ".codat.io", "/link/", '"pin')
# The same among its small letters and digits alone, as names are written in many ways.
_LETTERS = (
    "whsec", "basic", "bearer", "eyj", "url", "uri", "redirect", "token", "secret", "pass", "otp",
    "auth", "credential", "cookie", "code", "jwt", "pwd", "sessionid", "verifier", "assertion",
    "signature",
)  # fmt: skip
_STATUSES = ("deauthorized", "deauthorised")  # of connections, in many events
_FOLLOWED = {
    "link": re.compile(rf"(?:{_LEADING})link"),
    "key": re.compile(rf"(?:{_OF_KEYS}|subscription|functions)key"),
    "pin": re.compile(r"(?:time|verification|security|access|login|signin)pin"),
}


def _runs_of(signs: str) -> bytes:
    """Return the table that makes letters, digits and these signs `a`, and all else a space."""
    return bytes(97 if chr(i).isascii() and (chr(i).isalnum() or chr(i) in signs) else 32
                 for i in range(256))  # fmt: skip


_RUNS, _RUNS_WITH_HYPHENS = _runs_of("+/_"), _runs_of("+/_-")
_NOT_ALPHANUMERIC = bytes(i for i in range(256) if _RUNS[i] == 32 or chr(i) in "+/_")
_UUID_LENGTH = 36  # of what has a hyphen now and then, and hides nothing


@lru_cache(maxsize=4096)
def is_capability(name: str) -> bool:
    """Report whether a field of this name holds a secret, in any spelling of the name."""
    return _NAMES.search(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def hidden(value: Any) -> Any:
    """Return a JSON value without secrets, found by the names of fields and the shape of texts."""
    if isinstance(value, str):
        return hidden_text(value)
    if isinstance(value, Mapping):
        names = {name for name in value if is_capability(name)}
        if len(oauth := {name for name in value if name.lower() in _OAUTH}) == len(_OAUTH):
            names |= oauth
        if any(_names_one(value[name]) for name in value if name.lower() in _NAMING):
            names |= {name for name in value if name.lower() in _NAMED}
        return {
            hidden_text(name): HIDDEN
            if name in names and inner not in (None, "", True, False)
            else hidden(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and _names_one(value[0]) and isinstance(value[1], str):
            return [value[0], HIDDEN]
        return [hidden(inner) for inner in value]
    return value


def _names_one(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= _MAX_NAME and is_capability(name)


def hidden_json(raw: bytes) -> bytes:
    """Return JSON that we wrote without secrets; unchanged where it holds none."""
    return orjson.dumps(hidden(orjson.loads(raw))) if _may_hold(raw.decode()) else raw


def hidden_text(text: str) -> str:
    """Return a text without secrets: addresses stay, except for what makes them work.

    Secrets are also found where they are percent-encoded, escaped for HTML, in Base64 or in JSON.
    """
    return _hidden_text(text, _MAX_DEPTH) if _may_hold(text) else text


def _may_hold(text: str) -> bool:
    """Report, quickly, whether a text may hold something to hide; it errs only towards yes.

    Every event and most texts pass here, and the expressions above take thirty times as long.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    small = text.lower().encode("ascii", "ignore")
    if b"a" * _MIN_BASE64 in small.translate(_RUNS):
        return True
    if b"a" * (_UUID_LENGTH + 1) in small.translate(_RUNS_WITH_HYPHENS):
        return True
    marked, letters = small.decode(), small.translate(None, _NOT_ALPHANUMERIC).decode()
    for status in _STATUSES:
        letters = letters.replace(status, " ")
    for mark in _MARKS:  # a loop, which takes half the time of `any`
        if mark in marked:
            return True
    for word in _LETTERS:
        if word in letters:
            return True
    return any(word in letters and shape.search(letters) for word, shape in _FOLLOWED.items())


def _hidden_text(text: str, depth: int) -> str:
    if depth and text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            read = orjson.loads(text)
            if (shown := hidden(read)) != read:
                text = orjson.dumps(shown).decode()
    for shape, shown in _TEXTS:
        text = shape.sub(shown, text)
    if depth and _ENCODED.search(text):
        text = _WORD.sub(lambda found: _looked_through(found[0], depth - 1), text)
    if depth:
        text = _BASE64.sub(lambda found: _of_base64(found[0], depth - 1), text)
    return text


def _looked_through(word: str, depth: int) -> str:
    """Return a word unchanged, or decoded and hidden where the decoded text holds a secret."""
    if not _ENCODED.search(word):
        return word
    read = word
    for _ in range(_MAX_DEPTH):
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", read)
        plain = html.unescape(unquote(plain))
        plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", plain))
        if plain == read:
            break
        read = plain
    if read == word or (shown := _hidden_text(read, depth)) == read:
        return word
    return shown


def _of_base64(run: str, depth: int) -> str:
    """Return a run of Base64 unchanged, or hidden where it decodes to a secret."""
    for part in (run, *run.split("/")):
        signs = part.rstrip("=").translate(_URL_SIGNS)
        if len(signs) < _MIN_BASE64:
            continue
        with suppress(ValueError):
            read = b64decode(signs + "=" * (-len(signs) % 4)).decode()
            if _hidden_text(read, depth) != read:
                return HIDDEN
    return run


def hidden_body(text: str) -> str:
    """Return an unreadable body without the secrets that it would hold as JSON."""
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", text)
    for found in _OPENING.finditer(plain):
        if is_capability(found[1]):
            plain = plain[: found.end()] + HIDDEN  # where it ends is unknown
            break
    plain = _PAIR.sub(
        lambda found: f'"{found[1]}":"{HIDDEN}"' if is_capability(found[1]) else found[0], plain
    )
    return hidden_text(plain)
