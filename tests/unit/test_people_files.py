"""CSV and TOML files as people write them: a sentence with the line, and nothing half done."""

# ruff: noqa: F811 (fixtures are imported, and named as parameters)

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.selection import ids_in
from portal.link.words import BadBrand, load
from relay.files import BadFile, place, read_rows, read_table, read_text, read_toml
from relay.settings import BadSettings, Settings
from support.commands import Run, portal, run  # noqa: F401
from support.parts import company_id
from support.portal_bench import Portal

ONE, TWO = company_id(1), company_id(2)
HEAD = "company_id,data_type,cadence,hour\n"
GOOD = f"{ONE},invoices,daily,6\n"


def encoded(text: str, how: str) -> bytes:
    return text.encode(how)


CSV_FAULTS = [
    ("more cells than the head", f"{HEAD}{GOOD}{TWO},bills,daily,6,7\n", "line 3: has 5 cells"),
    ("fewer cells than the head", f"{HEAD}{GOOD}{TWO},bills,daily\n", "line 3: has 3 cells"),
    ("UTF-16", encoded(HEAD + GOOD, "utf-16"), "line 1: is UTF-16; save it as UTF-8"),
    ("UTF-16 without a mark", encoded(HEAD + GOOD, "utf-16-le"), "line 1: holds a zero byte"),
    ("latin-1", encoded(f"{HEAD}{GOOD}é,all,daily,1\n", "latin-1"), "line 3: is not UTF-8"),
    ("an id twice", HEAD + GOOD + GOOD, "line 3: sets the same schedule as"),
    ("an id twice in capitals", HEAD + GOOD + GOOD.upper().replace("INVOICES,DAILY", "invoices,"
     "daily"), "line 3: sets the same schedule as"),
    ("a zero byte", f"{HEAD}{GOOD}{TWO},\0,daily,1\n", "line 3: holds a zero byte"),
    ("empty", "", "is empty"),
    ("blank", " \n\n", "is empty"),
    ("semicolons", (HEAD + GOOD).replace(",", ";"), "line 1: has no column company_id; its col"),
    ("tabs", (HEAD + GOOD).replace(",", "\t"), "separated by tabs"),
    ("a quote left open", f'{HEAD}{GOOD}"{TWO},bills,daily,6\n', "line 3: a quote is left open"),
    ("text after a quote", f'{HEAD}{GOOD}"{TWO}"x,bills,daily,6\n', "line 3: a quote is left open"),
    ("a huge cell", f"{HEAD}{GOOD}{'x' * 20_000},all,daily,1\n", "line 3: a cell is longer"),
    ("a huge cell past Python's limit", f'{HEAD}"{"x" * 200_000}\n', "line 2: a cell is longer"),
    ("a column twice", f"{HEAD[:-1]},hour\n{GOOD[:-1]},7\n", "line 1: names the column hour twice"),
    ("a column that is not known", f"{HEAD[:-1]},timzone\n{GOOD[:-1]},UTC\n",
     "'timzone' is not known; the nearest that is known is timezone"),
    ("no head", GOOD, "line 1: has no column company_id"),
    ("a data type", f"{HEAD}{GOOD}{TWO},invoice,daily,6\n", "line 3: must be `all` or one"),
    ("a cadence", f"{HEAD}{GOOD}{TWO},bills,dayly,6\n", "line 3: cadence Input should be 'hourly'"),
    ("an hour", f"{HEAD}{GOOD}{TWO},bills,daily,25\n", "line 3: hour Input should be less"),
    ("a zone", f"{HEAD[:-1]},timezone\n{GOOD[:-1]},Europe/Lodnon\n", "nearest that is known is Eu"),
    ("a number that is none", f"{HEAD}{GOOD}{TWO},bills,daily,6h\n", "line 3: '6h' is not a whole"),
    ("a huge number", f"{HEAD}{GOOD}{TWO},bills,daily,{'9' * 5000}\n", "is not a whole number"),
    ("an id that is none", f"{HEAD}{GOOD}../x,bills,daily,6\n", "line 3: '../x' is not a company"),
    ("a word for off", f"{HEAD[:-1]},off\n{GOOD[:-1]},maybe\n", "line 2: off takes yes or no"),
    ("after a cell of two lines", f'{HEAD}"{ONE}\n",all,daily,1\nx,,daily,1\n',
     "line 4: data_type is missing"),
]  # fmt: skip


def written(tmp_path: Path, content: str | bytes, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "said"), [fault[1:] for fault in CSV_FAULTS], ids=[f[0] for f in CSV_FAULTS]
)
def test_a_csv_file_with_a_fault_sets_nothing_and_names_the_line(
    run: Run, portal: Portal, tmp_path, content, said
) -> None:
    result = run("cadence", "import", str(written(tmp_path, content)))
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output + result.stderr
    assert portal.store.schedules.count() == 0


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + GOOD).encode("utf-8-sig"),
        (HEAD + GOOD).replace("\n", "\r\n"),
        (HEAD + GOOD).replace("\n", "\r"),
        f"{HEAD[:-1]},,\n{GOOD[:-1]},,\n,,,,,\n",
        f'company_id, data_type ,cadence,hour\n"{ONE}",invoices, daily,6.0\n',
        HEAD + GOOD.upper().replace("INVOICES,DAILY", "invoices,daily"),
    ],
    ids=["a mark", "CRLF", "CR", "empty columns behind", "blanks and quotes", "an id in capitals"],
)
def test_what_spreadsheets_write_is_taken(run: Run, portal: Portal, tmp_path, content) -> None:
    result = run("cadence", "import", str(written(tmp_path, content)))
    assert result.exit_code == 0, result.output
    assert portal.store.schedules.of(ONE)["invoices"].anchor.hour == 6


@pytest.mark.parametrize(
    "words",
    [
        ("cadence", "set", "all", "invoices", "daily", "--file"),
        ("cadence", "list", "--file"),
        ("cadence", "policy", "--apply", "--file"),
        ("pause", "set", "company", "--reason", "x", "--file"),
        ("resume", "--file"),
        ("sync", "now", "--file"),
        ("reread", "--file"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"company_id\n{ONE}\nnot an id\n", "line 3: 'not an id' is not a company's id"),
        (f"name,company_id\nA,{ONE}\nB\n", "line 3: company_id is missing"),
        (encoded(f"company_id\n{ONE}\n", "utf-16"), "is UTF-16"),
        (f'company_id\n{ONE}\n"{TWO}\n', "line 3: a quote is left open"),
        (
            f"company_id,name,company_id\n{ONE},A,{TWO}\n",
            "line 1: names the column company_id twice",
        ),
        (f"company_id;name\n{ONE};A\n", "is not a company's id; its columns are separated by semi"),
        ("", "is empty"),
    ],
)
def test_a_file_of_ids_with_a_fault_does_nothing(
    run: Run, portal: Portal, tmp_path, words, content, said
) -> None:
    result = run(*words, str(written(tmp_path, content)))
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not portal.store.pauses.all()
    assert not sum(portal.store.intents.counts().values())


@pytest.mark.parametrize("head", ["company_id", "companyId", "Company ID", "id", "ID", "company"])
def test_a_head_is_not_taken_for_a_company(tmp_path, head) -> None:
    file = written(tmp_path, f"{head}\n{ONE}\n")
    assert ids_in(file) == (ONE,)
    assert ids_in(written(tmp_path, f"name,{head}\nid,{TWO}\n")) == (TWO,)


def test_an_id_twice_in_a_file_of_ids_counts_once(run: Run, portal: Portal, tmp_path) -> None:
    file = written(tmp_path, f"{ONE}\n{ONE.upper()}\n")
    assert run("pause", "set", "company", "--reason", "x", "--file", str(file)).exit_code == 0
    assert len(portal.store.pauses.all()) == 1


POLICY_FAULTS = [
    ("UTF-16", encoded("rules = []", "utf-16"), "line 1: is UTF-16"),
    ("latin-1", encoded('# é\nrules = []', "latin-1"), "line 1: is not UTF-8"),
    ("empty", "", "is empty"),
    ("no TOML", "[[rules", "is not TOML"),
    ("a table twice", "[a]\n[a]\n", "at line 2"),
    ("nested too deep", "a = " + "[" * 100_000, "is not TOML"),
    ("a number too long", f"a = {'9' * 5000}", "is not TOML"),
    ("a type", '[[rules]]\n\n[[rules]]\nschedule = { cadence = "daily", hour = "six" }\n',
     "line 4 rules.1.schedule.hour: "),
    ("a list for a table", "rules = 3\n", "line 1 rules: "),
    ("a date", '[[rules]]\nplatform = 2026-01-01\n', "line 2 rules.0.platform: "),
    ("infinity", '[[rules]]\nschedule = { cadence = "daily", hour = inf }\n', "schedule.hour"),
    ("a key", '[[rules]]\nplatfrom = "Xero"\n', "nearest that is known is platform"),
    ("a key on top", 'rule = []\n', "line 1 rule: is not known; the nearest"),
    ("a cadence", '[[rules]]\nschedule = { cadence = "dayly" }\n', "; the nearest is daily"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"), [fault[1:] for fault in POLICY_FAULTS], ids=[f[0] for f in POLICY_FAULTS]
)
def test_a_policy_file_with_a_fault_is_not_taken(run: Run, tmp_path, content, said) -> None:
    file = written(tmp_path, content)
    result = run("cadence", "policy", "--set", str(file))
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output + result.stderr
    with pytest.raises(BadSettings, match="RELAY_POLICY_FILE: cannot be used"):
        Settings.from_env({"RELAY_POLICY_FILE": str(file)}, env_file=None)


BRAND_FAULTS = [
    ("UTF-16", encoded("[brand]", "utf-16"), "is UTF-16"),
    ("a text for a table", 'brand = "x"', "brand: must be a table, as under [brand] (line 1)"),
    ("a text for the words", "words = 3", "words: must be a table"),
    ("a text for a language", '[words]\nde = "x"', "words.de: must be a table"),
    ("a number", "[brand]\n\nname = 3", "brand.name: must be text, in quotes (line 3)"),
    ("a list", '[brand]\nname = ["x"]', "brand.name: must be text"),
    ("a list of words", '[words.de.pick]\ntitle = ["x"]', "words.de.pick.title: must be text"),
    ("another table", '[brands]\nname = "x"', "brands: is not known; the nearest"),
    ("a word", '[words.de.pick]\ntitel = "x"', "the nearest that is known is pick.title"),
    ("an open brace", '[words.de.pick]\ntitle = "Hier {"', "a brace is left open"),
    ("a way of writing", '[words.de.gone]\ntitle = "{x!r}"', "words.de.gone.title: "),
    ("a zero byte in a path", '[brand]\nlogo = "\\u0000.png"', "brand.logo: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"), [fault[1:] for fault in BRAND_FAULTS], ids=[f[0] for f in BRAND_FAULTS]
)
def test_a_brand_file_with_a_fault_is_refused_with_its_place(tmp_path, content, said):
    with pytest.raises(BadBrand, match=re.escape(said)):
        load(written(tmp_path, content))


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadFile, match="cannot be read"):
            read_text(path)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_file_at_all_is_read_or_refused_in_a_sentence(tmp_path_factory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    for read in (
        read_rows,
        read_toml,
        lambda path: read_table(path, ["company_id"], ["company_id", "hour"]),
    ):
        with suppress(BadFile):
            read(path)


def test_the_line_of_a_value_is_found_in_tables_and_arrays() -> None:
    text = '[a.b]\nc = 1\n[[r]]\nx = 1\n[[r]]\nx = { y = 2, "z" = 3 }\n[r.s]\nt.u = 4\n'
    assert place(text, ("a", "b", "c")) == " line 2"
    assert place(text, ("r", 0, "x")) == " line 4"
    assert place(text, ("r", 1, "x", "z")) == " line 6"
    assert place(text, ("r", 1, "s", "t", "u")) == " line 8"
    assert place(text, ("r", 1, "missing")) == " line 5"
    assert place(text, ("nothing",)) == ""


def test_a_policy_file_that_breaks_while_we_run_is_reported(tmp_path) -> None:
    file = written(tmp_path, "rules = []\n")
    portal = Portal(relay_policy_file=file)
    assert portal.get("/v1/policy").json["origin"] == "file"
    file.write_text("rules = [")
    answer = portal.get("/v1/policy")
    assert (answer.status_code, answer.json["title"]) == (409, "Conflict")
    assert f"{file} is not TOML" in answer.json["detail"]
