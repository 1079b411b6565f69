"""What the documentation says: its pages, paragraphs, links and commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from support.paths import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.glob("*.md")),
]
GENERATED = ("settings.md", "commands.md", "api.md", "events.md")
# Pages whose commands a reader may type: README, then what people wrote in docs/.
WRITTEN = [
    ROOT / "README.md",
    *(page for page in sorted(DOCS.glob("*.md")) if page.name not in GENERATED),
]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:[a-z_]+/)+[a-z_]*\.?[a-z]*)`")
SCRIPT = re.compile(r"\b([a-z_]+\.lua)\b")
PROGRAM = "codat-relay"


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs and points of lists, without code, tables and headings."""
    text = COMMENT.sub("", FENCE.sub("", text))
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.lstrip().startswith(("|", "#"))]
        yield from re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines))


def words(text: str) -> int:
    return len(text.split())


def anchors(text: str) -> set[str]:
    """Return what a link may name behind `#`, as GitHub and most sites make it of headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE):
        bare = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(bare)
    return found


def broken_links(page: Path) -> list[str]:
    """Return the links within the project that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCE.sub("", read(page))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(read(target))):
            broken.append(link)
    return broken


def blocks(page: Path) -> list[list[str]]:
    """Return the lines of each block of shell, a continued one as one."""
    found = []
    for block in FENCE.findall(read(page)):
        head, *lines, _ = block.replace("\\\n", " ").splitlines()
        if head == "```sh":
            found.append([line.strip() for line in lines if line.strip()])
    return found


def commands(page: Path) -> Iterator[tuple[list[str], bool]]:
    """Yield the words after `codat-relay`, and whether the command stands there whole."""
    for line in (line for block in blocks(page) for line in block):
        spoken = words_of(line)
        if spoken and spoken[0].endswith(PROGRAM):
            yield spoken[1:], True
    for code in INLINE.findall(FENCE.sub("", read(page))):
        spoken = words_of(code)
        if spoken and spoken[0] == PROGRAM:
            yield spoken[1:], False


def words_of(line: str) -> list[str]:
    try:
        filled = line.replace("<scenario>", "link")
        return shlex.split(re.sub(r"<[a-z ]+>", "one", filled), comments=True)
    except ValueError:  # no line of a shell's
        return []
