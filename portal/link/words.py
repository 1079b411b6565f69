"""The firm's brand and every text of the customer's pages: our file, and the firm's over it.

The firm's file (RELAY_BRAND_FILE, TOML) may hold `[brand]` and `[words.<language>]`. A text
that a translation lacks stays English.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

from markupsafe import Markup, escape

from relay.files import BadFile, parse_toml, place, read_toml
from relay.nearest import hint

ENGLISH = "en"
TABLES = ("brand", "words")
SHIPPED = "words.toml"
LOGO_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
MAX_NAMED = 5  # texts that a translation lacks, in a warning
MAX_LOGO_BYTES = 200 * 1024
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")


class BadBrand(Exception):
    """The firm's brand file cannot be used; `str()` names the file and every fault."""


@dataclass(frozen=True)
class Brand:
    """How the firm shows itself to its customers."""

    name: str = "Your firm"
    colour: str = "#1d4ed8"
    logo: str = ""  # a file beside the brand file
    support_email: str = ""
    support_phone: str = ""
    support_url: str = ""
    support_hours: str = ""
    privacy_url: str = ""
    purpose: str = ""  # why the data is read; the words' own sentence when empty
    keeps: str = ""  # how long it is kept; likewise
    logo_type: str = field(default="", init=False)
    logo_content: bytes = field(default=b"", init=False, repr=False)

    @property
    def on_colour(self) -> str:
        """Black or white, whichever is read more easily on the brand's colour."""
        return "#000000" if _luminance(self.colour) > 0.179 else "#ffffff"

    @property
    def link_colour(self) -> str:
        """The brand's colour where it can be read on white (contrast 4.5), else near-black."""
        return self.colour if 1.05 / (_luminance(self.colour) + 0.05) >= 4.5 else "#1f2937"


class Words:
    """All texts, by language and dotted name."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = texts

    @property
    def languages(self) -> list[str]:
        """The languages there are."""
        return sorted(self._texts)

    @property
    def count(self) -> int:
        """How many texts there are."""
        return len(self._texts[ENGLISH])

    def missing(self, language: str) -> list[str]:
        """Return the names of the texts that a translation lacks."""
        return sorted(set(self._texts[ENGLISH]) - set(self._texts[language]))

    def has(self, name: str) -> bool:
        """Whether there is such a text."""
        return name in self._texts[ENGLISH]

    def plain(self, language: str, name: str, /, **values: object) -> str:
        """Return a text with its values put in, as plain text."""
        text = self._texts.get(language, {}).get(name) or self._texts[ENGLISH][name]
        return text.format(**values)

    def html(self, language: str, name: str, /, **values: object) -> Markup:
        """Return a text with its values put in, escaped for HTML."""
        shown = {key: Markup("<bdi>{}</bdi>").format(value) for key, value in values.items()}
        text = self._texts.get(language, {}).get(name) or self._texts[ENGLISH][name]
        return escape(text).format(**shown)


def lacks(path: Path | None, brand: Brand, words: Words, *, is_real: bool) -> list[str]:
    """Return warnings about the brand and translations; a sandbox needs no firm's name."""
    found = []
    if is_real and brand.name == Brand.name:
        where = f"in {path}" if path else "in a file named by RELAY_BRAND_FILE"
        found.append(f"customers read “{brand.name}”: set `name` under [brand] {where}")
    for language in words.languages:
        if missing := words.missing(language):
            named = ", ".join(missing[:MAX_NAMED]) + (", ..." if len(missing) > MAX_NAMED else "")
            count = f"{len(missing)} of {words.count}"
            found.append(f"[words.{language}] leaves {count} texts English: {named}")
    return found


def load(path: Path | None) -> tuple[Brand, Words]:
    """Read our texts and the firm's file over them; raises BadBrand."""
    ours = (resources.files("portal.link") / SHIPPED).read_text(encoding="utf-8")
    texts = {ENGLISH: _flat(parse_toml(ours))}
    if path is None:
        return Brand(), Words(texts)
    try:
        given, text = read_toml(path)
    except BadFile as error:
        raise BadBrand(f"RELAY_BRAND_FILE: cannot be read: {error}") from error
    faults = [f"  {name}: is not known{hint(name, TABLES)}" for name in given if name not in TABLES]
    brand = _brand(_table(given, "brand", "brand", faults), path.parent, faults)
    languages = _table(given, "words", "words", faults)
    for language in languages:
        translated = _flat(_table(languages, language, f"words.{language}", faults))
        faults += _word_faults(language, translated, texts[ENGLISH])
        texts[language] = {**texts.get(language, {}), **translated}
    if faults:
        lines = [f"{fault}{_line_of(fault, text)}" for fault in faults]
        raise BadBrand("\n".join([f"RELAY_BRAND_FILE: {path} is not right:", *lines]))
    return brand, Words(texts)


def _table(given: Mapping[str, Any], name: str, where: str, faults: list[str]) -> dict[str, Any]:
    """Return a table of the file; anything else adds a fault, and counts as empty."""
    found = given.get(name, {})
    if not isinstance(found, dict):
        faults.append(f"  {where}: must be a table, as under [{where}]")
        return {}
    return found


def _line_of(fault: str, text: str) -> str:
    """Return on which line of the file a fault is; its text begins with the name it is about."""
    about = fault.strip().partition(": ")[0]
    found = place(text, about.split("."))
    return f" ({found.strip()})" if found else ""


def _brand(given: Mapping[str, Any], folder: Path, faults: list[str]) -> Brand:
    known = {one.name for one in fields(Brand) if one.init}
    for name in sorted(set(given) - known):
        faults.append(f"  brand.{name}: is not known{hint(name, known)}")
    for name in known & set(given):
        if not isinstance(given[name], str):
            faults.append(f"  brand.{name}: must be text, in quotes")
    values = {k: v for k, v in given.items() if k in known and isinstance(v, str)}
    if not _COLOUR.fullmatch(values.get("colour", "#000000")):
        faults.append("  brand.colour: must look like #1d4ed8")
        values.pop("colour")
    for name in ("support_url", "privacy_url"):
        if values.get(name) and not values[name].startswith("https://"):
            faults.append(f"  brand.{name}: must begin with https://")
    brand = Brand(**values)
    if brand.logo:
        _read_logo(brand, folder / brand.logo, faults)
    return brand


def _read_logo(brand: Brand, path: Path, faults: list[str]) -> None:
    kind = LOGO_TYPES.get(path.suffix.lower(), "")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # no path may hold a zero byte
        why = error.strerror if isinstance(error, OSError) else error
        faults.append(f"  brand.logo: {path} cannot be read ({why})")
        return
    if not kind or len(content) > MAX_LOGO_BYTES:
        faults.append("  brand.logo: must be a .png, .jpg or .svg file up to 200 kB")
        return
    object.__setattr__(brand, "logo_type", kind)
    object.__setattr__(brand, "logo_content", content)


def _word_faults(language: str, given: Mapping[str, Any], english: Mapping[str, str]) -> list[str]:
    if not _LANGUAGE.fullmatch(language):
        return [f"  words.{language}: is not a language such as de or pt-BR"]
    faults = []
    for name, text in given.items():
        if name not in english and not name.startswith("type."):
            faults.append(f"  words.{language}.{name}: there is no such text{hint(name, english)}")
        elif not isinstance(text, str):
            faults.append(f"  words.{language}.{name}: must be text, in quotes")
        elif not _is_whole(text):
            faults.append(f"  words.{language}.{name}: a brace is left open; {{{{ writes one")
        elif _slots(text) - _slots(english.get(name, "")):
            faults.append(f"  words.{language}.{name}: names a value that there is not")
    return faults


def _is_whole(text: str) -> bool:
    """Whether the text can be written out: each brace is closed, and names a value alone."""
    try:
        return not any(spec or as_what for _, _, spec, as_what in Formatter().parse(text))
    except ValueError:
        return False


def _slots(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _flat(given: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
