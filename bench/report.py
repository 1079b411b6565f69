"""What a run came to: medians, spreads, ratios and goals, as tables, Markdown and JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("granian", "gunicorn", "flask", "rq", "redis", "standardwebhooks")
WIDE = 0.5  # of the median: a ratio that spreads more calls for more rounds


@dataclass(slots=True)
class Way:
    """One way of doing it: a list holds one value a round. Times in ms, only for ingest."""

    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """Ways that were measured in turns, and the one the others are compared with."""

    title: str
    unit: str
    baseline: str
    ways: dict[str, Way]
    goal: float | None = None  # times the baseline that ours must reach
    note: str = ""

    def ratios(self, name: str, other: str | None = None) -> list[float]:
        """How many times the other way, by default the baseline, a way did, round by round."""
        base = self.ways[other or self.baseline]
        pairs = zip(self.ways[name].per_second, base.per_second, strict=True)
        return [one / another for one, another in pairs]

    def is_wide(self) -> bool:
        ratios = self.ratios("ours")
        return max(ratios) - min(ratios) > WIDE * median(ratios)

    def is_met(self) -> bool:
        """Whether ours reached the goal; True where there is none."""
        return self.goal is None or median(self.ratios("ours")) >= self.goal


@dataclass(slots=True)
class Report:
    """A whole run."""

    machine: dict[str, str]
    parts: list[Part]
    remarks: list[str]

    def is_met(self) -> bool:
        return all(part.is_met() for part in self.parts)


def machine(server: str) -> dict[str, str]:
    """Describe the machine in general terms."""
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "?"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "server": server,
        **{name: version(name) for name in PACKAGES},
    }


def show(report: Report, console: Console) -> None:
    for part in report.parts:
        table = Table(
            title=part.title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False
        )
        header, *rows = _rows(part)
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            # The spread on a line of its own, so that all of it fits a narrow terminal.
            table.add_row(*(cell.replace(" (", "\n(") for cell in row))
        console.print(table)
        for line in (part.note, _verdict(part)):
            if line:
                console.print(line, markup=False)
        console.print()
    for remark in report.remarks:
        console.print(remark, markup=False)


def write(report: Report, name: str) -> None:
    """Write `bench/results/<name>.md` and `.json`."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(_markdown(report), encoding="utf-8")
    text = json.dumps(as_json(report), indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def as_json(report: Report) -> dict[str, Any]:
    return {
        "machine": report.machine,
        "parts": [
            {
                "title": part.title,
                "unit": part.unit,
                "baseline": part.baseline,
                "goal": part.goal,
                "met": part.is_met(),
                "ways": {
                    name: {
                        "per_second": _rounded(way.per_second),
                        "p50_ms": _rounded(way.p50_ms),
                        "p99_ms": _rounded(way.p99_ms),
                        "times_baseline": _rounded(part.ratios(name)),
                    }
                    for name, way in part.ways.items()
                },
            }
            for part in report.parts
        ],
        "remarks": report.remarks,
    }


def _markdown(report: Report) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    lines = [
        "# Measured: this service beside the naive way",
        "",
        f"Machine: {facts}. Load generator, servers and workers share the cores.",
        "",
        "Medians of the rounds, lowest and highest in brackets; the ways take turns within a round,"
        " and a ratio is taken within its round. Compare ratios, not numbers across machines.",
    ]
    for part in report.parts:
        header, *rows = _rows(part)
        lines += ["", f"## {part.title}", "", _line(header), _line(["---"] * len(header))]
        lines += [_line(row) for row in rows]
        for text in (part.note, _verdict(part)):
            lines += ["", text] if text else []
    if report.remarks:
        lines += ["", "## Besides", "", *(f"- {remark}" for remark in report.remarks)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(part: Part) -> list[list[str]]:
    timed = any(way.p50_ms for way in part.ways.values())
    header = ["way", part.unit, f"x {part.baseline}"] + (["p50 ms", "p99 ms"] if timed else [])
    rows = [header]
    for name, way in part.ways.items():
        cells = [name, _spread(way.per_second, 0), _spread(part.ratios(name), 1)]
        if timed:
            cells += [_spread(way.p50_ms, 1), _spread(way.p99_ms, 1)]
        rows.append(cells)
    return rows


def _spread(values: list[float], digits: int) -> str:
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _verdict(part: Part) -> str:
    if part.goal is None:
        return ""
    verdict = "met" if part.is_met() else "NOT MET"
    ratio = median(part.ratios("ours"))
    return f"Goal: at least {part.goal:g} x {part.baseline}. Measured: {ratio:.1f} x. {verdict}."


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]
