"""Take secrets out of what is shown: in an address, and wherever else a text may hold one."""

import re

MASK = "[hidden]"
SECRET_NAMES = re.compile(
    r"(authorization|signature|secret|token|api[_-]?key|passw(or)?d|credential)", re.I
)
SECRET_VALUES = re.compile(
    r"whsec_[A-Za-z0-9+/=]+"
    r"|(?:Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{6,}"
    # An address's user and password; either may hold an @ or / that should have been encoded.
    r"|(?<=://)[^\s/?#]*(?=@)"
    r"|(?<=redis://)\S+(?=@)|(?<=rediss://)\S+(?=@)|(?<=sentinel://)\S+(?=@)"
    # What an address says after its question mark, and Codat's one-time passwords.
    r"|(?<=[?&;])(?:[\w.%-]*(?:secret|token|api[_-]?key|passw(?:or)?d|signature)[\w.%-]*|otp)="
    r"[^\s&#;\"']+"
    r"|(?<=otp=)[^\s&#]+",
    re.I,
)


def without_secrets(text: str) -> str:
    """Return the text with each thing in it that looks like a secret masked."""
    return SECRET_VALUES.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    if found[0] == "":
        return ""
    name, is_query, _ = found[0].partition("=")
    return f"{name}={MASK}" if is_query and _stands_in_query(found) else MASK


def _stands_in_query(found: re.Match[str]) -> bool:
    return found.start() > 0 and found.string[found.start() - 1] in "?&;"
