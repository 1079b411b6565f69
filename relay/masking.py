"""Take secrets out of what is shown: in an address, and wherever else a text may hold one."""

import re

from codat.capabilities import HIDDEN, hidden_text

MASK = HIDDEN
SECRET_NAMES = re.compile(
    r"(authorization|signature|secret|token|api[_-]?key|passw(or)?d|credential)", re.I
)
# The user and password in a server's address; either may hold an @ or / that should be encoded.
SERVER_USERS = re.compile(
    r"(?<=redis://)\S+(?=@)|(?<=rediss://)\S+(?=@)|(?<=sentinel://)\S+(?=@)", re.I
)


def without_secrets(text: str) -> str:
    """Return the text with each thing in it that looks like a secret masked."""
    return hidden_text(SERVER_USERS.sub(MASK, text))
