"""What Codat keeps of a company name."""

import re
import unicodedata

# Codat silently removes every other character (Codat: core-concepts/companies).
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
# Decomposition leaves these as they are, and losing them would change how a name reads.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"})


def sanitise_name(name: str) -> str:
    """Give the name in the characters Codat keeps, whitespace folded; may come out empty.

    Accents leave their letter behind. The result passes through unchanged a second time, so names
    can be compared after both went through here.
    """
    decomposed = unicodedata.normalize("NFKD", name).translate(_PLAIN)
    return " ".join(_FORBIDDEN.sub("", decomposed).split())
