"""Verifies that a webhook comes from Codat, by its signature or by a shared header value."""

import base64
import binascii
import hmac
import re
import secrets as randomness
from collections.abc import Iterable, Mapping, Sequence

from codat.times import host_time
from codat.units import Seconds

TOLERANCE = Seconds(300)  # either way, as Svix has it, which delivers for Codat
PREFIX = "whsec_"

# Codat shows `webhook-`; `svix-` is the sender's own default for the same three headers.
_FAMILIES = ("webhook", "svix")
_TIMESTAMP = re.compile(r"[0-9]{10}")
_MAX_HEADER = 1024
_MAX_SIGNATURES = 10
_MAX_ID = 256
_MIN_KEY = 16
_NEW_KEY = 32


class Refused(Exception):
    """The request is not proven to be Codat's; `reason` is short and holds no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutOfTime(Refused):
    """The signature's timestamp is too far from the time by which it was judged."""


class Verifier:
    """One signing secret, decoded once; never shows it."""

    def __init__(self, secret: str) -> None:
        self._key = _key(secret)

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return "Verifier(...)"

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return `v1,<base64>` over id, Unix seconds and the body's bytes, whatever they are.

        (Standard Webhooks, "Signature scheme"; its Python library signs text alone.)
        """
        content = f"{message_id}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self._key, content, "sha256")).decode()


def prepare(secrets: Iterable[str]) -> tuple[Verifier, ...]:
    """Decode signing secrets once; ValueError, without showing it, for one that is malformed."""
    return tuple(Verifier(secret) for secret in secrets)


def verify(
    secrets: Sequence[str] | Sequence[Verifier],
    headers: Mapping[str, str],
    body: bytes,
    now: Seconds | None = None,
) -> str:
    """Return the message id if one of the secrets signed these bytes, else raise Refused.

    Works on the raw body, before any parsing. The id is part of what was signed, so repeats can be
    recognised by it.
    """
    message_id, timestamp, signatures = _read_headers(headers)
    if abs((host_time() if now is None else now) - timestamp) > TOLERANCE:
        raise OutOfTime("the timestamp is too old or too new")
    given = [signature.encode() for signature in signatures]
    for secret in secrets:
        verifier = secret if isinstance(secret, Verifier) else Verifier(secret)
        expected = verifier.sign(message_id, timestamp, body).encode()
        if any(hmac.compare_digest(expected, signature) for signature in given):
            return message_id
    raise Refused("no signature matches")


def _read_headers(headers: Mapping[str, str]) -> tuple[str, int, list[str]]:
    """Return id, Unix seconds and `v1` signatures; Refused unless one header family is sent."""
    lowered = {name.lower(): value for name, value in headers.items()}
    # With two families, a captured delivery could carry a fresh id in the one that is not signed.
    families = [
        family
        for family in _FAMILIES
        if any(f"{family}-{part}" in lowered for part in ("id", "timestamp", "signature"))
    ]
    if len(families) != 1:
        raise Refused("two kinds of signature headers" if families else "no signature headers")
    message_id, timestamp, signature = (
        lowered.get(f"{families[0]}-{part}", "") for part in ("id", "timestamp", "signature")
    )
    if not (message_id and timestamp and signature):
        raise Refused("a signature header is missing")
    if len(message_id) > _MAX_ID or "," in message_id or not _is_plain(message_id):
        raise Refused("the message id is malformed")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise Refused("the timestamp is malformed")
    return message_id, int(timestamp), _split(signature)


def _split(signature: str) -> list[str]:
    if len(signature) > _MAX_HEADER or not _is_plain(signature):
        raise Refused("the signature header is malformed")
    signatures = signature.split(" ")
    if len(signatures) > _MAX_SIGNATURES:
        raise Refused("too many signatures")
    # Other versions may stand beside ours and are skipped (Standard Webhooks, "Signature scheme").
    return [one for one in signatures if one.startswith("v1,")]


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    if not secret.startswith(PREFIX) or not encoded:
        raise ValueError(f"a signing secret must be {PREFIX} and base64 text after it")
    try:
        padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
        key = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a signing secret is not base64 after {PREFIX}") from None
    if len(key) < _MIN_KEY:
        raise ValueError(f"a signing secret holds fewer than {_MIN_KEY} bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign as Codat does: `v1,<base64>`; `timestamp` in Unix seconds."""
    return Verifier(secret).sign(message_id, timestamp, body)


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed delivery; `timestamp` in Unix seconds."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def new_secret() -> str:
    """Make a fresh signing secret."""
    return PREFIX + base64.b64encode(randomness.token_bytes(_NEW_KEY)).decode()


def authorised(accepted: Sequence[str], given: str | None) -> bool:
    """Report whether the `Authorization` header of a legacy webhook is one of the accepted values.

    Without accepted values every webhook is refused. Two values serve while one replaces the other
    (Codat: using-the-api/webhooks/legacy).
    """
    if not given:
        return False
    sent = _header_bytes(given)
    matches = [hmac.compare_digest(value.encode(), sent) for value in accepted if value]
    return any(matches)


def _header_bytes(text: str) -> bytes:
    """Return the bytes that were sent: a WSGI server passes them as Latin-1."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
