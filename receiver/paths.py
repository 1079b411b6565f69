"""Which paths are webhooks', however they are written: one relay serves one Codat client."""

PATH = "/webhooks/codat"
DEFAULT_SOURCE = "default"


def is_for_webhooks(path: str) -> bool:
    """Report whether a path, its percent-encoding undone, is the receiver's to answer."""
    return _parts(path)[:1] == ["webhooks"]


def source_of(path: str, named: str | None) -> str | None:
    """Return the source of what is posted to a path; None if no webhooks are taken there.

    Doubled and trailing slashes, dot segments (RFC 3986, 5.2.4), spaces around a part and the case
    of letters make no difference: an address that was mistyped at Codat would lose webhooks.
    `named` is RELAY_WEBHOOK_SOURCE.
    """
    known = [["webhooks", "codat"]]
    if named:
        known.append([*known[0], named.lower()])
    return (named or DEFAULT_SOURCE) if _parts(path) in known else None


def _parts(path: str) -> list[str]:
    parts: list[str] = []
    for piece in path.split("/"):
        part = piece.strip().lower()
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return parts
