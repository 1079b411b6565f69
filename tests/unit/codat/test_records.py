"""Records are read whatever is missing from them; times and names come out the same each time."""

import json
import random
import re
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat.records import (
    Company,
    CompanyInfo,
    Connection,
    DataStatus,
    Integration,
    PullOperation,
    kept_by_codat,
    loses_letters,
    parse_time,
    reads_differently,
    sanitise_name,
)
from relay.companies.company import real_name
from support.paths import PAYLOADS
from support.published import load, needs_published

COMPANY = "5b1d9c1e-7a3f-4f4e-9a54-0d6f2c8e1a01"
CONNECTION = "c2f0a7d4-1e6b-4b8a-8f3d-7795e1b0d302"
NOON = int(datetime(2024, 9, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = [
    "name",
    "description",
    "redirect",
    "created",
    "lastSync",
    "tags",
    "dataConnections",
    "products",
    "status",
    "platformName",
    "integrationKey",
    "sourceType",
    "linkUrl",
    "dataConnectionErrors",
    "companyId",
    "connectionId",
    "progress",
    "isCompleted",
    "currentStatus",
    "latestSyncId",
    "enabled",
    "logoUrl",
    "companyName",
    "taxNumber",
]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-09-01T12:00:00Z", NOON),
        ("2024-09-01T12:00:00", NOON),
        ("2024-09-01T12:00:00+00:00", NOON),
        ("2024-09-01T13:00:00+01:00", NOON),
        ("2024-09-01T06:30:00-0530", NOON),
        ("2024-09-01T12:00:00.5Z", NOON + 500_000),
        ("2024-09-01T12:00:00.15033Z", NOON + 150_330),
        ("2024-09-01T12:00:00.123456", NOON + 123_456),
        ("2024-09-01T12:00:00.1234567Z", NOON + 123_456),
        ("2024-09-01T12:00:00.9999999+00:00", NOON + 999_999),
        ("1969-12-31T23:59:59.999999Z", -1),
    ],
)
def test_a_time_is_read_in_every_form_codat_sends(text, micros):
    assert parse_time(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "2024-09-01T23:59:99Z",
        "2024-02-30T00:00:00Z",
        "2024-09-01T24:00:00Z",
        "2024-09-01",
        "20240901T120000Z",
        "2024-W35-7T12:00:00Z",
        "2024-09-01 12:00:00Z",
        "2024-09-01T12:00:00.12345678Z",
        "2024-09-01T12:00:00.Z",
        "2024-09-01T12:00:00Z\n",
        "٢٠٢٤-09-01T12:00:00Z",
        "2024-09-01T12:00:00+99:99",
        "0000-00-00T00:00:00Z",
        "now",
        "",
        None,
        1_725_192_000,
        ["2024-09-01T12:00:00Z"],
    ],
)
def test_what_is_no_time_is_none(text):
    assert parse_time(text) is None


def test_the_first_and_last_moments_are_read():
    assert parse_time("0001-01-01T00:00:00+14:00") < parse_time("0001-01-01T00:00:00Z")
    assert parse_time("9999-12-31T23:59:59-14:00") > parse_time("9999-12-31T23:59:59Z")


@given(st.text())
def test_no_text_makes_the_reading_of_a_time_fail(text):
    assert parse_time(text) is None or isinstance(parse_time(text), int)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))
def test_microseconds_are_kept_exactly(moment):
    micros = parse_time(moment.isoformat(timespec="microseconds") + "Z")
    seconds, rest = divmod(micros, 1_000_000)
    assert datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None, microsecond=rest) == moment


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Company (Codat[1])", "Company Codat1"),
        ("Sandbox Company_US_1", "Sandbox CompanyUS1"),
        ("Café Zoë Ltd", "Cafe Zoe Ltd"),
        ("  Smith\t&\n Sons,  Inc. ", "Smith & Sons, Inc."),
        ("O’Hara – Partners", "O'Hara - Partners"),
        ("A / B", "A B"),
        ("ﬁrst №1", "first No1"),
        ("Who's there?! me@home", "Who's there?! me@home"),
        ("株式会社", ""),
        ("Søren Ærø ApS", "Soren Aero ApS"),
        ("Łódź Straße GmbH", "Lodz Strasse GmbH"),
        ("Þór Đorđe Ǿ Işık Œuvre", "Thor Dorde O Isik Oeuvre"),
        ("Acme™ Ltd®", "Acme Ltd"),
        ("\x00\x1b[31mRed\u202e", "31mRed"),
    ],
)
def test_a_name_comes_out_as_codat_keeps_it(name, kept):
    assert sanitise_name(name) == kept


@pytest.mark.parametrize(
    ("name", "loses"),
    [
        ("ООО «Ромашка» - 2", True),
        ("株式会社ABC", True),
        ("Kwaƨi", True),
        ("Ⅻ Müller & Søn (UK) [1] «x» ™", False),
        ("🅰cme", True),  # letters in squares
        ("Acme\ufffd", True),  # a letter that some program could not read
        ("", False),
    ],
)
def test_a_name_of_which_codat_would_keep_a_part_is_known(name, loses):
    assert loses_letters(name) is loses
    assert loses is False or reads_differently(name)


@pytest.mark.parametrize("apostrophe", "‘’‛′‵`´ʹʻʼʽʾʿˈˊˋ΄᾽᾿׳ꞌ＇｀")
def test_what_stands_for_an_apostrophe_is_written_as_one(apostrophe):
    name = f"Ka{apostrophe}anapali"
    assert sanitise_name(name) == "Ka'anapali"
    assert not reads_differently(name)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Qurʾan Books", "Qur'an Books"),
        ("7‑11 − Nord", "7-11 - Nord"),
        ("Smith &amp; Sons", "Smith & Sons"),
        ("O&#39;Brien &amp;amp; Caf&eacute;&nbsp;Ltd", "O'Brien & Cafe Ltd"),
        ("O&#x2019;Hara", "O'Hara"),
        ("AT&T Food&notes R&D; &unknown;", "AT&T Food&notes R&D &unknown"),
        ("Smith + Jones", "Smith & Jones"),
        ("Novo A/S c/o Smith/Jones", "Novo A-S c-o Smith-Jones"),
        ("Café|Bar:Grill", "Cafe Bar Grill"),
        ("H₂O m² 1ª Nº 5", "H2O m2 1a No 5"),
        ("ＡＢＣ １２ ①", "ABC 12 1"),
        ('"Studio 54" ★ ¡Hola!', "Studio 54 Hola!"),
        ("naïve\u00adly\u200b fine", "naively fine"),
        ("1.5 1,000 7-11", "1.5 1,000 7-11"),
        ("Siemens（China）Co.,Ltd.", "Siemens China Co.,Ltd."),
        ("Acme(UK)Ltd Ltd.(HK) Codat[1]", "Acme UK Ltd Ltd. HK Codat1"),
        ('Toys"R"Us AB“Maxima”LT', "Toys R Us AB Maxima LT"),
        ("Café★Bar Rock🎸\ufe0fRoll A¦B Foo・Bar", "Cafe Bar Rock Roll A B Foo Bar"),
        ("Col·legi Paraŀlel", "Collegi Parallel"),
        ("O❜Brien O\u1ffdBrien O\u1fefBrien", "O'Brien O'Brien O'Brien"),
        ("ɗan Ƙano Ħal Ŧ Ɫ Ø", "dan Kano Hal T L O"),
        ("Ａ。Ｂ、Ｃ", "A.B,C"),
        ("Studio N°5, n° 7", "Studio No5, no 7"),
        ("food&regional; &notit;", "food&regional &notit"),
        ("Ã la carte São Â", "A la carte Sao A"),
        ("AT&amp;amp;amp;amp;amp;amp;T &amp;#38;#39;", "AT&T '"),
        ("&" + "amp;" * 50_000 + " Co", "& Co"),
        (
            "3M™Gold A™b Acme&trade;Co, NESTLÉ® CAFÉ’S “CAFÉ”",
            "3M Gold A b Acme Co, NESTLE CAFE'S CAFE",
        ),
    ],
)
def test_a_name_is_written_where_it_reads_the_same(name, written):
    assert not reads_differently(name)
    assert sanitise_name(name) == written


@pytest.mark.parametrize(
    "name",
    [
        *("9½", "9 ½", "½ Price", "9⁄10", "1 1/2", "24/7 Gym", "3:16", "1_000", "(2)3"),
        *("10²", "²2", "①1", "x1₂", "360°", "50°C", "50% Off", "5‰", "#1 Cars", "$1 Shop", "€uro"),
        *("Canal+", "C++", "1+1", "x × y", "A=B", "1<2", "I ♥ NY", "We ❤️ it", '12" Records'),
        *('12" x 6" Ltd', "6” Pipes", "5' 10”", "6&quot; Pipes"),
        *("CafÃ©", "Oâ€™Brien", "MÃ¼ller", "FranÃ\xa7ois", "Caf\\u00e9", r"L\x27Or", r"Caf\351"),
        *(
            "SociétÃ© Générale",
            "L’OrÃ©al",
            "ŠkÃ´da",
            "TimiÈ™oara",
            "KaÊ»anapali",
            "ÐŸÑ€Ð¸",
            "â\x80\x99s",
        ),
        *(
            r"Acme\nLtd",
            r"D:\new",
            r"A\tB",
            "A\x1b[31mB",
            "Acme\u202eLtd",
            "Fish &amp Chips",
            "A&nbsp Co",
        ),
        *("St★r", "Ca💲h", "5™6", "10⁻³", "A ➕ B", "A✖B", "Type 🆎", "You 🙰 Me", "🔟 Ltd"),
        *("&lt;b&gt;Acme", "9&frac12;", "10&sup2;", "§ 5", "∞ Ltd", "A^B", "~Acme"),
    ],
)
def test_a_name_that_would_read_differently_is_never_written(name):
    assert reads_differently(name)
    assert real_name({"companyName": name}, ("companyName",)) == ""


@given(st.text(alphabet="0123456789½²①⁄/:_ ab.,-'&+%ʻ🍕", max_size=12))
def test_a_written_name_holds_the_same_numbers(name):
    """Digits keep their neighbours: no two numbers become one, and none is lost."""
    if not reads_differently(name):
        numbers = re.findall("[0-9]+", name.replace("①", " 1 ").replace("²", " 2 "))
        assert re.findall("[0-9]+", re.sub("[a-z]", " ", sanitise_name(name))) == numbers


@pytest.mark.parametrize("name", ["Café (Leeds)_1", "Søn & Co", "A/B"])
def test_codat_itself_removes_every_other_character(name):
    assert (
        kept_by_codat(name)
        == {"Café (Leeds)_1": "Caf Leeds1", "Søn & Co": "Sn & Co", "A/B": "AB"}[name]
    )


@given(st.text())
def test_a_kept_name_is_allowed_and_stays_as_it_is(name):
    kept = sanitise_name(name)
    allowed = set(string.ascii_letters + string.digits + "-',&@.?! ")
    assert set(kept) <= allowed
    assert kept == kept.strip()
    assert sanitise_name(kept) == kept


def test_a_connection_is_read_whole():
    connection = Connection.from_json(
        {
            "id": CONNECTION.upper(),
            "integrationKey": "gbol",
            "platformName": "Xero",
            "status": "PendingAuth",
            "sourceType": "Accounting",
            "linkUrl": "https://link.example/start?otp=1",
            "dataConnectionErrors": [
                {"statusCode": 403, "statusText": "no", "errorMessage": "User cancelled"},
                "not an error",
            ],
        }
    )
    assert connection.id == CONNECTION
    assert (connection.platform_key, connection.status) == ("gbol", "PendingAuth")
    (issue,) = connection.errors
    assert (issue.status_code, issue.message, issue.resolved_on) == ("403", "User cancelled", None)


def test_a_link_url_with_its_one_time_password_is_not_shown():
    connection = Connection.from_json({"id": CONNECTION, "linkUrl": "https://l.example/?otp=9876"})
    assert connection.link_url == "https://l.example/?otp=9876"
    assert "9876" not in repr(connection)


def test_a_company_keeps_what_it_understands():
    company = Company.from_json(
        {
            "id": COMPANY,
            "name": "Quayside",
            "tags": {"team": "north", "odd": 3},
            "products": ["lending", None],
            "dataConnections": [{"id": CONNECTION, "status": "Linked"}, {"status": "lost"}, 4],
        }
    )
    assert company.tags == {"team": "north"}
    assert company.products == ("lending",)
    assert [connection.id for connection in company.connections] == [CONNECTION]
    assert company.raw["tags"] == {"team": "north", "odd": 3}
    assert company.status is None


def test_the_classic_company_has_a_status_of_its_own():
    assert Company.from_json({"id": COMPANY, "status": "PendingAuth"}).status == "PendingAuth"


def test_either_name_of_the_company_info_may_be_missing():
    info = CompanyInfo.from_json({"companyName": None, "companyLegalName": "Quayside Ltd"})
    assert (info.company_name, info.company_legal_name) == (None, "Quayside Ltd")


def test_a_data_type_that_never_synced_has_no_status():
    assert DataStatus.from_json({"dataType": "suppliers"}).current_status is None


@pytest.mark.parametrize(
    ("record", "data"),
    [
        (Company, {"name": "x"}),
        (Company, {"id": ""}),
        (Company, {"id": 4}),
        (Company, {"id": "../../etc"}),
        (Company, {"id": "00000000-0000-0000-0000-000000000000"}),
        (Connection, {"status": "Linked"}),
        (PullOperation, {"id": None}),
        (Integration, {"name": "Xero"}),
        (DataStatus, {}),
    ],
)
def test_a_record_without_an_id_is_refused(record, data):
    with pytest.raises(ValueError, match="has no"):
        record.from_json(data)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_nothing_but_a_missing_id_is_refused(data):
    data = {**data, "id": COMPANY, "key": "gbol", "dataType": "bills"}
    for record in (Company, Connection, CompanyInfo, Integration, PullOperation, DataStatus):
        assert isinstance(record.from_json(data), record)


def test_reading_does_not_depend_on_the_order_of_the_fields():
    path = PAYLOADS / "connection.failed.json"
    data = json.loads(path.read_bytes())["payload"]["connection"]
    keys = list(data)
    random.Random(7).shuffle(keys)
    assert Connection.from_json({key: data[key] for key in keys}) == Connection.from_json(data)


@needs_published
@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("get-company.response-200.simple-company", Company),
        ("get-company.response-200.parent-multi-entity-company", Company),
        ("list-companies.response-200.list-of-companies", Company),
        ("create-company.response-200.with-a-tag", Company),
        ("list-connections.response-200.connections", Connection),
        ("create-connection.response-200.connection", Connection),
        ("list-pull-operations.response-200.example", PullOperation),
        ("refresh-data-type.response-200.schema-example-1", PullOperation),
    ],
)
def test_a_published_record_is_read_with_the_id_it_was_sent_with(name, record):
    data = load(f"api-current/{name}.json")
    items = data.get("results", [data])
    assert [record.from_json(item).id for item in items] == [item["id"] for item in items]


@needs_published
def test_the_published_company_info_is_read():
    info = CompanyInfo.from_json(load("api-current/get-company-info.response-200.example-1.json"))
    assert (info.company_name, info.company_legal_name) == ("Codat", "Codat Ltd")
    assert (info.base_currency, info.platform_ref) == ("GBP", "1700060034_ETD")


@needs_published
def test_an_integration_with_two_swapped_fields_is_read():
    sample = load("api-current/get-integration.response-200.schema-example-1.json")
    integration = Integration.from_json(sample)
    assert (integration.key, integration.name, integration.enabled) == ("gbol", "Xero", True)


@needs_published
def test_the_classic_answer_to_a_creation_holds_the_connection():
    company = Company.from_json(load("api-older/create-company.2021-commerce.response.json"))
    assert company.status == "PendingAuth"
    assert company.connections[0].link_url.endswith("/start")
