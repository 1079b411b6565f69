"""What Codat keeps of a company name, and which names it can keep as they read."""

import html
import re
import unicodedata

# Codat silently removes every other character (Codat: core-concepts/companies).
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
# Apostrophes, and what is typed or drawn in their place: primes, accents that stand alone, and the
# letters for a glottal stop in Hawaiian, Arabic and Hebrew names.
_APOSTROPHES = "‘’‛′‵`´ʹʻʼʽʾʿˈˊˋʹ΄᾽᾿῾՚׳ߴߵꞋꞌ＇｀"
_DASHES = "‐‑‒–—―⁃−﹘﹣－"
# What decomposition leaves as it is, or makes a word of, and whose loss would change how a name
# reads: quotes and dashes, and the Latin letters that are no letter with an accent.
_PLAIN = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys("™℠", "")
    # Accents that stand alone would be decomposed into a space and the accent.
    | dict.fromkeys("¨¯¸˘˙˚˛˜˝", "")
    | {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
    | {"Ø": "O", "Æ": "Ae", "Œ": "Oe", "ẞ": "SS", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "Th"}
    | {"ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ə": "e", "Ə": "E"}
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MOST_UNESCAPED = 3  # times that a text was escaped on its way through other systems
_PLUS_FOR_AND = re.compile(r"(?<=[^\W\d_]) \+ (?=[^\W\d_])")
# Between words or parts of one, but not between digits: those are never joined.
_SLASH_IN_WORD = re.compile(r"(?<=[^\W\d_])/(?=[^\W_])|(?<=[^\W_])/(?=[^\W\d_])")
_BAR_BETWEEN = re.compile(r"(?<=[^\W\d_])[|:;•\\](?=[^\W_])|(?<=[^\W_])[|:;•\\](?=[^\W\d_])")
# Punctuation that can go without a word reading differently: brackets and quotes go besides.
_SILENT = frozenset('*"_/\\|:;¡¿†‡¶•·‧・«»‹›„“”‟')
_SILENT_SYMBOLS = frozenset("©®℗|")
_HEARTS = frozenset("♡♥❣❤💓💔💕💖💗💘💙💚💛💜🖤🤍🤎🧡")
_REPLACEMENT = "\ufffd"  # stands where some program could not read a character


def kept_by_codat(name: str) -> str:
    """Return what Codat makes of a name it is sent: other characters removed, whitespace folded."""
    return " ".join(_FORBIDDEN.sub("", name).split())


def sanitise_name(name: str) -> str:
    """Return the name in the characters Codat keeps, whitespace folded; may come out empty.

    HTML entities are read, accents leave their letter behind, look-alikes of apostrophes and dashes
    become those. The result passes through unchanged a second time, so names can be compared after
    both went through here.
    """
    return kept_by_codat(_decomposed(_unescaped(name)))


def loses_letters(name: str) -> bool:
    """Tell whether Codat would keep only a part of the name's letters and digits.

    Names in other scripts are not written in Latin letters by a machine: who bears them decides
    how that is done.
    """
    return any(_is_letter(lost) for lost in _FORBIDDEN.findall(_decomposed(_unescaped(name))))


def reads_differently(name: str) -> bool:
    """Tell whether the name would read differently in the characters that Codat keeps.

    So it does when letters or digits go, when a sign goes that is read aloud ("Canal+", "50%"), and
    when digits that stood apart become one number ("9½" is no "912", "24/7" no "247").
    """
    name = _unescaped(name)
    return (
        loses_letters(name)
        or _joins_digits(name)
        or any(map(_is_read_aloud, _FORBIDDEN.findall(_decomposed(name))))
        or name.count('"') % 2 == 1  # one alone is for inches, not a quotation
    )


def _unescaped(name: str) -> str:
    """Read HTML entities, also those escaped again; a word after `&` without `;` is none."""
    for _ in range(_MOST_UNESCAPED):
        read = _ENTITY.sub(lambda found: html.unescape(found[0]), name)
        if read == name:
            break
        name = read
    return name


def _decomposed(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.translate(_PLAIN)).translate(_PLAIN)
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    plain = _PLUS_FOR_AND.sub(" & ", plain)
    return _BAR_BETWEEN.sub(" ", _SLASH_IN_WORD.sub("-", plain))


def _joins_digits(name: str) -> bool:
    """Tell whether digits that stood apart, or small beside others, would become one number."""
    plain = name.translate(_PLAIN)
    for before, letter in zip(" " + plain, plain + " ", strict=True):
        small = [one for one in (before, letter) if _is_small_digit(one)]
        if (
            small
            and (before + letter).isalnum()
            and all(_has_digit(one) for one in before + letter)
        ):
            return True
    return re.search(r"[0-9](?:(?!\s)[^A-Za-z0-9\-',&@.?!])+[0-9]", _decomposed(name)) is not None


def _is_small_digit(letter: str) -> bool:
    """Tell whether a character holds a digit that is not on the line, such as ², ½ or ①."""
    return unicodedata.category(letter) == "No" and _has_digit(letter)


def _has_digit(letter: str) -> bool:
    return any(one.isdigit() for one in unicodedata.normalize("NFKD", letter))


def _is_letter(letter: str) -> bool:
    """Tell whether a character is a letter or digit, also one in a circle or square."""
    if letter.isalnum() or letter == _REPLACEMENT:
        return True
    if unicodedata.category(letter) != "So":
        return False
    words = unicodedata.name(letter, "").split()
    return not {"LETTER", "DIGIT", "NUMBER"}.isdisjoint(words) or "SQUARED LATIN" in " ".join(words)


def _is_read_aloud(letter: str) -> bool:
    """Tell whether a character that Codat removes is one that people say when they read a name."""
    if letter in _SILENT or letter in _SILENT_SYMBOLS:
        return False
    match unicodedata.category(letter):
        case "Ps" | "Pe" | "Pi" | "Pf" | "Cf" | "Cc" | "Mn" | "Me" | "Mc":
            return False
        case "So":
            return letter in _HEARTS or letter == "°"
        case "Sk":
            return letter == "^"
        case _:
            return True
