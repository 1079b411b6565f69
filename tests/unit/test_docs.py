"""The documentation: short, whole, true to the code, and its commands are ones that there are."""

from contextlib import suppress
from pathlib import Path

import click
import pytest

from cli.app import main
from docs.generate import pages
from support import prose
from support.paths import ROOT

README_WORDS = 750
PARAGRAPH_WORDS = 80
INCOMPLETE = (click.MissingParameter, click.exceptions.NoArgsIsHelpError)  # in a sentence
FILES = {"policy.toml": "", "schedules.csv": "", "event.json": "{}"}  # that examples name


def each(found: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", found, ids=lambda page: page.name)


def test_the_readme_is_short():
    assert prose.words(prose.read(ROOT / "README.md")) <= README_WORDS


@each(prose.PAGES)
def test_no_paragraph_is_long(page):
    long = [p for p in prose.paragraphs(prose.read(page)) if prose.words(p) > PARAGRAPH_WORDS]
    assert not long


@each(prose.PAGES)
def test_every_link_within_the_project_leads_somewhere(page):
    assert prose.broken_links(page) == []


@each(prose.PAGES)
def test_every_file_that_is_named_exists(page):
    tops = {path.name for path in ROOT.iterdir()}
    named = [name for name in prose.FILE.findall(prose.read(page)) if name.split("/")[0] in tops]
    assert [name for name in named if not (ROOT / name).exists()] == []


@each(prose.PAGES)
def test_every_script_that_is_named_exists(page):
    scripts = {path.name for path in (ROOT / "relay").rglob("*.lua")}
    assert set(prose.SCRIPT.findall(prose.read(page))) - scripts == set()


def test_every_page_can_be_found_from_the_index():
    index = prose.read(prose.DOCS / "README.md")
    pages_there = {page.name for page in prose.DOCS.glob("*.md")} - {"README.md"}
    assert {name for name in pages_there if f"({name})" not in index} == set()


def test_generated_pages_are_what_the_code_says():
    old = [name for name, text in pages().items() if prose.read(prose.DOCS / name) != text]
    assert not old, "run `make docs`"


@each(prose.PAGES)
def test_every_command_is_one_there_is(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for words, is_whole in prose.commands(page):
        with suppress(*(() if is_whole else INCOMPLETE)):
            parse(words)


def parse(words: list[str]) -> None:
    """Have every subcommand, argument and option read, and run nothing."""
    command: click.Command = main
    context = main.make_context("codat-relay", list(words)) if words else None
    while context is not None and isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("words", [["sink"], ["events", "--sink"], ["cadence", "set", "one"]])
def test_the_check_of_commands_can_fail(words):
    with pytest.raises(click.UsageError):
        parse(words)


def test_examples_in_help_are_in_the_reference():
    written = prose.read(prose.DOCS / "commands.md")
    assert "codat-relay cadence set all all hourly --every 6" in written
