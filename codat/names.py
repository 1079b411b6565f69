"""What Codat keeps of a company name, and which names it can keep as they read."""

import html
import re
import unicodedata
from contextlib import suppress
from html.entities import html5

# Codat silently removes every other character (Codat: core-concepts/companies).
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\s\-',&@.?!]")
# Apostrophes, and what is typed or drawn in their place: primes, accents that stand alone, and the
# letters for a glottal stop in Hawaiian, Arabic and Hebrew names.
_APOSTROPHES = "‘’‛′‵`´ʹʻʼʽʾʿˈˊˋʹ΄᾽᾿῾՚׳ߴߵꞋꞌ＇｀❛❜"
_DASHES = "‐‑‒–—―⁃−﹘﹣－"
# What decomposition leaves as it is, or makes a word of, and whose loss would change how a name
# reads: quotes and dashes, and the Latin letters that are no letter with an accent.
_PLAIN = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys("™℠", "®")
    | {"。": ".", "｡": ".", "、": ",", "､": ","}
    # Accents that stand alone would be decomposed into a space and the accent.
    | dict.fromkeys("¨¯¸˘˙˚˛˜˝", "")
    | {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
    | {"Ø": "O", "Æ": "Ae", "Œ": "Oe", "ẞ": "SS", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "Th"}
    | {"ı": "i", "ə": "e", "Ə": "E"}
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPED_AGAIN = re.compile(r"&(?:amp;|#0*38;|#x0*26;)+", re.IGNORECASE)
_MAX_PASSES = 3
# An entity that lost its semicolon, where no other word can be meant.
_HALF_ENTITY = re.compile(r"&(?:amp|quot|apos|nbsp|lt|gt)(?![A-Za-z0-9])")
# A letter by its name in Unicode where decomposition leaves it whole: ħ is an h with a stroke.
_WITH_MARK = re.compile(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z]) WITH [A-Z ]+")
# What programs write for a letter, left in the text by another that did not read it.
_ESCAPE = re.compile(
    r"\\(?:[nrt]|u[0-9A-Fa-f]{4}|u\{|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-7]{3})|\x1b\["
)
# What a letter, sign or quote of UTF-8 looks like, byte by byte, as `_as_western` has it.
_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# What names are written in, below U+0800: of other characters, such as that of the bytes of `É™`,
# the bytes are what was meant.
_IN_NAMES = re.compile(
    "[\u0080-\u017f\u0218-\u021b\u02b9-\u02bf\u0386-\u03ce\u0400-\u045f\u0490\u0491"
    "\u05d0-\u05ea\u0621-\u06d2\u0800-\U0010ffff]"
)
_REVERSED = "\u202e"  # what follows it is shown from right to left
# A picture within a word stands for a letter: "St★r".
_PICTURE_IN_WORD = re.compile(r"[^\W\d_]([^\w\s]\ufe0f?)(?=[^\W\d_])")
# Words in the names of symbols and pictures that are read aloud.
_READ_ALOUD = frozenset(
    {"PLUS", "MINUS", "MULTIPLICATION", "DIVISION", "DOLLAR", "HUNDRED", "KEYCAP", "SQUARED"}
    | {"LIGATURE", "AMPERSAND"}
)
_NUMERO = re.compile(r"(?<![^\W_])([Nn])°(?=\s?[0-9])")
_PLUS_FOR_AND = re.compile(r"(?<=[^\W\d_]) \+ (?=[^\W\d_])")
# Between words or parts of one, but not between digits: those are never joined.
_SLASH_IN_WORD = re.compile(r"(?<=[^\W\d_])/(?=[^\W_])|(?<=[^\W_])/(?=[^\W\d_])")
_BAR_BETWEEN = re.compile(r"(?<=[^\W\d_])[|:;•・\\](?=[^\W_])|(?<=[^\W_])[|:;•・\\](?=[^\W\d_])")
_QUOTE = re.compile('["“”„‟＂〝〞]')
# Punctuation that can go without a word reading differently: brackets and quotes go besides.
_SILENT = frozenset('*"_/\\|:;¡¿†‡¶•·‧・«»‹›„“”‟')
_SILENT_SYMBOLS = frozenset("©®℗™℠|")
_ENDS = (".", ",", "!", "?")  # of a word
_HEARTS = frozenset("♡♥❣❤💓💔💕💖💗💘💙💚💛💜🖤🤍🤎🧡")
_REPLACEMENT = "\ufffd"  # stands where some program could not read a character


def kept_by_codat(name: str) -> str:
    """Return a name as Codat stores it: other characters removed, whitespace folded."""
    return " ".join(_FORBIDDEN.sub("", name).split())


def sanitise_name(name: str) -> str:
    """Return the name in the characters Codat keeps, whitespace folded; may come out empty.

    HTML entities are read, accents leave their letter behind, look-alikes of apostrophes and dashes
    become those. The result passes through unchanged a second time, so names can be compared after
    both went through here.
    """
    return kept_by_codat(_decomposed(_unescaped(name)))


def loses_letters(name: str) -> bool:
    """Report whether Codat would keep only a part of the name's letters and digits.

    Names in other scripts are not transliterated: that is for the company itself to decide.
    """
    return any(_is_letter(lost) for lost in _FORBIDDEN.findall(_decomposed(_unescaped(name))))


def reads_differently(name: str) -> bool:
    """Report whether the name would read differently in the characters that Codat keeps.

    It does when letters or digits are lost, or a sign that is read aloud ("Canal+", "50%"). It does
    when separate digits become one number ("9½" is not "912", "24/7" not "247"), and when another
    program garbled the name ("CafÃ©").
    """
    name = _unescaped(name)
    return (
        loses_letters(name)
        or _joins_digits(name)
        or any(map(_is_read_aloud, _FORBIDDEN.findall(_decomposed(name))))
        or _has_inches(name)
        or _is_garbled(name)
        or _has_picture_for_letter(name)
    )


def _unescaped(name: str) -> str:
    """Decode HTML entities, also escaped several times; a word after `&` without `;` is none."""
    # Escaping escapes the ampersand before all, so what is left is read in a pass or two.
    name = _ESCAPED_AGAIN.sub("&", name)
    for _ in range(_MAX_PASSES):
        read = _ENTITY.sub(_read_entity, name)
        if read == name:
            break
        name = read
    return name


def _read_entity(found: re.Match[str]) -> str:
    """Return what an entity stands for; an unknown name stays whole."""
    whole = found[0]
    return html.unescape(whole) if whole[1] == "#" else html5.get(whole[1:], whole)


def _decomposed(name: str) -> str:
    # Composed first: some accents that stand alone are others of another block.
    name = _NUMERO.sub(r"\1o", unicodedata.normalize("NFC", name))
    letters = unicodedata.normalize("NFKD", name.translate(_PLAIN)).translate(_PLAIN)
    plain = "".join(_unmarked(one) for one in letters if not unicodedata.combining(one))
    plain = _PLUS_FOR_AND.sub(" & ", plain)
    return _kept_apart(_BAR_BETWEEN.sub(" ", _SLASH_IN_WORD.sub("-", plain)))


def _unmarked(letter: str) -> str:
    """Return a Latin letter without the stroke or hook that is a part of it."""
    if letter.isascii():
        return letter
    found = _WITH_MARK.fullmatch(unicodedata.name(letter, ""))
    if found is None:
        return letter
    return found[2] if found[1] == "CAPITAL" else found[2].lower()


def _kept_apart(text: str) -> str:
    """Put a space between words that only a bracket, a quotation mark or a picture separates."""
    found: list[str] = []
    before, is_apart = "", False
    for one in text:
        category = unicodedata.category(one)
        if one == '"' or category in ("Ps", "Pe", "Pi", "Pf", "So"):
            is_apart = True
        elif category not in ("Cf", "Mn", "Me"):
            if is_apart and one.isalpha() and (before.isalpha() or before in _ENDS):
                found.append(" ")
            before, is_apart = one, False
        found.append(one)
    return "".join(found)


def _has_inches(name: str) -> bool:
    """Report whether a quotation mark stands for inches: a single one, or one after a digit."""
    quotes = [found.start() for found in _QUOTE.finditer(name)]
    return len(quotes) % 2 == 1 or any(name[at - 1 : at].isdigit() for at in quotes[::2])


def _is_garbled(name: str) -> bool:
    """Report whether a program on the way replaced letters of the name by other signs.

    Its UTF-8 was read as a Western encoding, in whole or in part, its escapes were not read, an
    entity lost its end, or a part of it is shown backwards.
    """
    if _REVERSED in name or _ESCAPE.search(name) or _HALF_ENTITY.search(name):
        return True
    found = _UTF_8.finditer(b"".join(map(_as_western, name)))
    for letter in found:
        with suppress(UnicodeError):
            if _IN_NAMES.fullmatch(letter[0].decode()):
                return True
    return False


def _as_western(letter: str) -> bytes:
    """Return the byte that Western encodings have for a character, a zero where they have none."""
    for encoding in ("cp1252", "latin-1"):
        with suppress(UnicodeError):
            return letter.encode(encoding)
    return b"\0"


def _has_picture_for_letter(name: str) -> bool:
    return any(
        unicodedata.category(found[1][0]) == "So"
        and found[1][0] not in _SILENT_SYMBOLS
        and name[found.end()].islower()
        for found in _PICTURE_IN_WORD.finditer(name)
    )


def _joins_digits(name: str) -> bool:
    """Report whether separate digits, or small ones beside others, would become one number."""
    plain = name.translate(_PLAIN)
    if any(one in "⁻₋" for one in plain):  # a minus that is not on the line
        return True
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
    """Report whether a character holds a digit that is not on the line, such as ², ½ or ①."""
    return unicodedata.category(letter) == "No" and _has_digit(letter)


def _has_digit(letter: str) -> bool:
    return any(one.isdigit() for one in unicodedata.normalize("NFKD", letter))


def _is_letter(letter: str) -> bool:
    """Report whether a character is a letter or digit, also one in a circle or square."""
    if letter.isalnum() or letter == _REPLACEMENT:
        return True
    if unicodedata.category(letter) != "So":
        return False
    words = unicodedata.name(letter, "").split()
    return not {"LETTER", "DIGIT", "NUMBER"}.isdisjoint(words) or "SQUARED LATIN" in " ".join(words)


def _is_read_aloud(letter: str) -> bool:
    """Report whether people say a character that Codat removes when they read a name aloud."""
    if letter in _SILENT or letter in _SILENT_SYMBOLS:
        return False
    match unicodedata.category(letter):
        case "Ps" | "Pe" | "Pi" | "Pf" | "Cf" | "Cc" | "Mn" | "Me" | "Mc":
            return False
        case "So":
            words = unicodedata.name(letter, "").split()
            return letter in _HEARTS or letter == "°" or not _READ_ALOUD.isdisjoint(words)
        case "Sk":
            return letter == "^"
        case _:
            return True
