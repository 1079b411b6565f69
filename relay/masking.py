"""Take secrets out of what is shown: in an address, and wherever else a text may hold one."""

import re

from codat.capabilities import HIDDEN, hidden_text

MASK = HIDDEN
SECRET_NAMES = re.compile(
    r"(authorization|signature|secret|token|api[_-]?key|passw(or)?d|credential)", re.I
)
SERVER = re.compile(r"(?:rediss?(?:\+sentinel)?|unix)://", re.I)
# The user and password in a server's address; either may hold an @ or / that should be encoded.
SERVER_USERS = re.compile(
    r"(?<=redis://)\S+(?=@)|(?<=rediss://)\S+(?=@)|(?<=sentinel://)\S+(?=@)", re.I
)
# The same of a text that begins with such an address, where no sign is known to end a password.
ADDRESS_FIRST = re.compile(r"((?:rediss?(?:\+sentinel)?|unix)://)[^/?#]+(?=@)", re.I)
PASSWORD = re.compile(r"(\A(?:rediss?|unix)[^?]*\?|&)([a-z_]*password=)[^&]+", re.I)


def without_secrets(text: str) -> str:
    """Return the text with each thing in it that looks like a secret masked."""
    if SERVER.match(text):
        text = ADDRESS_FIRST.sub(rf"\g<1>{MASK}", text, count=1)
        text = PASSWORD.sub(rf"\g<1>\g<2>{MASK}", text)
    return hidden_text(SERVER_USERS.sub(MASK, text))
