"""What Codat keeps of a company name."""

import re
import unicodedata

# Codat silently removes every other character (Codat: core-concepts/companies).
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
# What decomposition leaves as it is, or makes a word of, and whose loss would change how a name
# reads: quotes and dashes, and the Latin letters that are no letter with an accent.
_PLAIN = str.maketrans(
    dict.fromkeys("‘’ʼ", "'")
    | dict.fromkeys("‐‑–—", "-")
    | dict.fromkeys("™℠", "")
    | {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
    | {"Ø": "O", "Æ": "Ae", "Œ": "Oe", "ẞ": "SS", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "Th"}
    | {"ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ə": "e", "Ə": "E"}
)


def sanitise_name(name: str) -> str:
    """Give the name in the characters Codat keeps, whitespace folded; may come out empty.

    Accents leave their letter behind. The result passes through unchanged a second time, so names
    can be compared after both went through here.
    """
    return " ".join(_FORBIDDEN.sub("", _decomposed(name)).split())


def loses_letters(name: str) -> bool:
    """Tell whether Codat would keep only a part of the name's letters and digits.

    Names in other scripts are not written in Latin letters by a machine: who bears them decides
    how that is done.
    """
    return any(letter.isalnum() for letter in "".join(_FORBIDDEN.findall(_decomposed(name))))


def _decomposed(name: str) -> str:
    return unicodedata.normalize("NFKD", name.translate(_PLAIN)).translate(_PLAIN)
