"""Brand and words: ours hold every text, the firm's file goes over them, faults name the place."""

import re
import string

import pytest

from portal.link import words as journeys_words
from portal.link.consent import GROUPS, NOT, OFTEN
from portal.link.not_now import REASONS
from portal.link.platforms import TYPES
from portal.link.views import CODES
from portal.link.words import BadBrand, Brand, load
from relay.companies.company import BROKEN
from support.paths import ROOT
from support.portal_bench import Portal

FOLDER = ROOT / "portal" / "link"


def written(tmp_path, text):
    path = tmp_path / "brand.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_text_a_page_asks_for_is_there():
    _, words = load(None)
    pages = "".join(p.read_text() for p in sorted((FOLDER / "templates/link").glob("*.html")))
    pages += (FOLDER / "consent.py").read_text()
    whole = set(re.findall(r"\b(?:t|plain|say|html)\((?:language, )?\"([a-z_.0-9]+)\"", pages))
    whole |= set(re.findall(r"plain\('([a-z_.0-9]+)'", pages))
    whole |= set(re.findall(r"\"((?:pick|consent|outcome|done|help|offline)\.[a-z_0-9]+)\"", pages))
    parts = {name for name in whole if name.endswith((".", "_")) or not words.has(name)}
    missing = [p for p in parts if not any(n.startswith(p) for n in names(words))]
    missing = [p for p in missing if not words.has(f"offline.{p}")]
    assert missing == []


# Texts that pages ask for by a name put together; the last part is one of these.
FAMILIES = {
    "page.step_": ("platform", "agree", "connect", "confirm"),
    "pick.type.": TYPES,
    "consent.often_": (*OFTEN, NOT),
    "outcome.title_": (*CODES, "refused"),
    "outcome.about_": (*CODES, "refused"),
    "again.": (*BROKEN, "other"),
    "leave.": REASONS,
    "done.": ("waiting", "read", "failed", "not_offered"),
    "group.": (*GROUPS, "other"),
    "date.month.": range(1, 13),
}


def test_every_text_there_is_stands_on_a_page():
    _, words = load(None)
    files = [*sorted((FOLDER / "templates/link").glob("*.html")), *sorted(FOLDER.glob("*.py"))]
    code = "".join(path.read_text() for path in files)
    asked = {name for name in names(words) if f'"{name}"' in code or f"'{name}'" in code}
    asked |= {head + str(tail) for head, tails in FAMILIES.items() for tail in tails}
    steps = re.findall(r"(?:own|say)\(\"([a-z_]+)\"", code)
    shapes = "|".join(["offline", *(f"offline[.]{key}" for key in ("hbql", "pqsw"))])
    asked |= {
        name for name in names(words) if re.fullmatch(f"({shapes})[.]({'|'.join(steps)})", name)
    }
    assert sorted(set(names(words)) - asked) == []


def names(words):
    return words._texts["en"]


def test_texts_name_only_values_that_pages_give():
    _, words = load(None)
    given = {"firm", "platform", "until", "email", "phone", "asked", "sought", "reason", "name"}
    given |= {"company", "count", "total", "day", "month", "year"}
    for name, text in names(words).items():
        slots = {slot for _, slot, _, _ in string.Formatter().parse(text) if slot}
        assert slots <= given, name


def test_a_firms_file_changes_pages_and_leaves_the_rest_english(tmp_path):
    path = written(
        tmp_path,
        """
        [brand]
        name = "Hafen & <Söhne>"
        colour = "#facc15"
        logo = "logo.svg"
        support_email = "hilfe@hafen.example"
        purpose = "Für den Kredit."
        [words.de]
        direction = "ltr"
        [words.de.pick]
        title = "Welche Software nutzen Sie?"
        [words.ar]
        direction = "rtl"
        """,
    )
    (tmp_path / "logo.svg").write_text("<svg/>")
    from support.journeys import AtCodat, agreed, invite

    portal = Portal(codat=AtCodat(), relay_brand_file=path)
    _, at = invite(portal, language="de")
    page = portal.web.get(at).text
    assert '<html lang="de" dir="ltr">' in page
    assert "<h1>Welche Software nutzen Sie?</h1>" in page
    assert "Hafen &amp; &lt;Söhne&gt;" in page
    assert "<Söhne>" not in page
    assert "mailto:hilfe@hafen.example" in page
    assert "Search by name" in page
    assert portal.web.get("/link/brand-logo").mimetype == "image/svg+xml"
    assert "#facc15;--on-brand:#000000" in page
    made, at = invite(portal, language="ar")
    assert 'dir="rtl"' in portal.web.get(at).text
    agreed(portal, at)
    [consent] = portal.get(f"/v1/journeys/{made['id']}").json["consents"]
    assert "Für den Kredit." in consent["text"]


def test_faults_and_dates_are_in_the_journeys_language_too(tmp_path):
    path = written(
        tmp_path,
        """
        [words.de]
        sorry.title = "Gerade nicht"
        gone.title = "Dieser Link geht nicht"
        help.about = "Bis {until}."
        date.form = "{day}. {month} {year}"
        """
        + "\n".join(f'date.month.{number} = "Monat"' for number in range(1, 13)),
    )
    from codat import errors
    from support.journeys import AtCodat, agreed, invite

    codat = AtCodat()
    portal = Portal(codat=codat, relay_brand_file=path)
    _, at = invite(portal, language="de")
    assert re.search(r"Bis <bdi>\d+\. Monat \d{4}</bdi>", portal.web.get(at).text)
    codat.failing = errors.Forbidden("no", status=403)
    answer = agreed(portal, at)
    assert '<html lang="de"' in answer.text
    assert "Gerade nicht" in answer.text
    for language, title in (
        ("de-AT,de;q=0.9,en;q=0.8", "Dieser Link geht nicht"),
        ("fr", "This link"),
    ):
        answer = portal.web.get("/link/none", headers={"Accept-Language": language})
        assert title in answer.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[brand", "cannot be read"),
        ('[brand]\ncolour = "red"', "brand.colour"),
        ('[brand]\ncolor = "#112233"', "brand.color"),
        ('[brand]\nlogo = "none.png"', "brand.logo"),
        ('[brand]\nprivacy_url = "http://x"', "brand.privacy_url"),
        ('[words.de]\nnope = "x"', "words.de.nope"),
        ('[words.de.pick]\ntitle = "{secret}"', "words.de.pick.title"),
        ('[words."../x"]\ndirection = "ltr"', "is not a language"),
    ],
)
def test_each_fault_names_its_place(tmp_path, text, said):
    with pytest.raises(BadBrand, match=re.escape(said)):
        load(written(tmp_path, text))


def test_what_a_translation_leaves_out_is_named(tmp_path):
    path = written(tmp_path, '[words.de]\npick.title = "Welche?"')
    brand, words = load(path)
    [left] = journeys_words.lacks(path, brand, words, is_real=False)
    assert left.startswith(f"[words.de] leaves {words.count - 1} of {words.count} texts English: ")
    [name, _] = journeys_words.lacks(path, brand, words, is_real=True)
    assert "Your firm" in name
    assert journeys_words.lacks(None, Brand(name="Harbour"), load(None)[1], is_real=True) == []


def test_the_firms_texts_are_isolated_on_a_right_to_left_page(tmp_path):
    path = written(
        tmp_path,
        """
        [brand]
        name = "Harbour (UK) & Co."
        purpose = "For your loan (of 2026)."
        support_phone = "1"
        support_hours = "9 to 5"
        [words.ar]
        direction = "rtl"
        """,
    )
    from support.journeys import AtCodat, agreed, invite

    portal = Portal(codat=AtCodat(), relay_brand_file=path)
    _, at = invite(portal, language="ar", platforms=["hbql"])
    page = portal.web.get(at).text
    assert '<p class="brand"><bdi>Harbour (UK) &amp; Co.</bdi></p>' in page
    assert "<dd><bdi>For your loan (of 2026).</bdi></dd>" in page
    assert "(<bdi>9 to 5</bdi>)" in page
    agreed(portal, at, "hbql")
    assert re.findall(r"<code(?![^>]*dir=\"ltr\")", portal.web.get(at).text) == []


def test_the_tab_shows_the_firms_initial_in_its_colour(tmp_path):
    path = written(tmp_path, '[brand]\nname = "harbour lending"\ncolour = "#facc15"')
    portal = Portal(relay_brand_file=path)
    assert 'rel="icon" href="/link/icon"' in portal.web.get("/link/none").text
    icon = portal.web.get("/link/icon")
    assert icon.mimetype == "image/svg+xml"
    assert ">H</text>" in icon.text
    assert "#facc15" in icon.text
    assert 'fill="#000000"' in icon.text


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#facc15", "#1d4ed8", "#777777"])
def test_text_on_the_brands_colour_can_be_read(colour):
    brand = Brand(colour=colour)
    light = journeys_words._luminance(colour)
    other = journeys_words._luminance(brand.on_colour)
    assert (max(light, other) + 0.05) / (min(light, other) + 0.05) >= 4.5
