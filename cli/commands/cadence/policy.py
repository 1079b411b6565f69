"""See, preview and set which schedules companies are given."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from cli.client import Api, uses_api
from cli.faults import Failed, NotAccepted
from cli.output import Columns, as_json, print_json, show_facts, show_rows
from cli.schedules import agree, warn
from cli.selection import MAX_IDS, Chosen, batched, may_choose
from cli.work import NO_COMPANY, each
from relay.syncs.definition import Definition
from relay.syncs.policy import BadPolicy, Policy

ORDER = 70
EVERYBODY = Chosen((), None, None, all=True)
SHOWN = 20  # changes of a preview that are shown one by one
RULES: Columns = {
    "source type": lambda rule: rule["source_type"] or "any",
    "platform": lambda rule: rule["platform"] or "any",
    "data type": lambda rule: rule["data_type"],
    "schedule": lambda rule: _in_words(rule["schedule"]),
}
CHANGES: Columns = {
    "company": lambda row: row["company_id"],
    "data type": lambda row: row["data_type"],
    "change": lambda row: row["change"],
    "before": lambda row: row["before"],
    "after": lambda row: row["after"],
}


@click.command()
@may_choose
@click.option("--set", "toml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", is_flag=True, help="Show what would change; save nothing.")
@click.option("--yes", is_flag=True, help="Do not ask when Codat's limits would not cover it.")
@click.option("--apply", is_flag=True, help="Bring existing companies to it too.")
@as_json
@uses_api
def policy(
    *,
    api: Api,
    chosen: Chosen,
    toml: Path | None,
    preview: bool,
    yes: bool,
    apply: bool,
    as_json: bool,
) -> None:
    """Show the policy in force; --set takes a new one from a TOML file.

    --apply brings companies to it: all, those named, of a filter or of a --file.

    Rules give schedules to companies as they link, by source type, platform and data type. What a
    person set for a company stays, whatever the policy.

    \b
    Examples:
      codat-relay cadence policy
      codat-relay cadence policy --set policy.toml --preview
      codat-relay cadence policy --apply --platform Xero
    """
    if chosen and (toml is not None or not (apply or preview)):
        raise click.UsageError("Companies are chosen for --apply of the policy in force.")
    if toml is not None:
        answer = _set(api, toml, preview=preview, apply=apply, yes=yes or as_json)
    elif apply or preview:
        answer = _apply(api, chosen, preview=preview, yes=yes or as_json)
    else:
        answer = api.get("/v1/policy")
    if as_json:
        print_json(answer)
        return
    show_rows(answer["policy"]["rules"], RULES, empty="No rule: companies are given nothing.")
    click.echo(f"Kept alive once a month: {'yes' if answer['policy']['keep_alive'] else 'no'}")
    click.echo(f"From: {answer['origin']}")
    if answer.get("preview"):
        _show_preview(answer["preview"])
    elif answer.get("saved"):
        click.echo(f"In force; {answer['applied_to']} existing companies are being brought to it.")


def _set(api: Api, toml: Path, *, preview: bool, apply: bool, yes: bool) -> Any:
    rules = _read(toml)
    shown = api.put("/v1/policy", rules, preview="true")
    if preview:
        return shown
    if apply:
        warn(shown["preview"]["warnings"])
        agree(shown["preview"]["warnings"], yes=yes)
    answer = api.put("/v1/policy", rules)
    return answer | _bring(api, EVERYBODY) if apply else answer


def _apply(api: Api, chosen: Chosen, *, preview: bool, yes: bool) -> Any:
    """Bring companies to the policy in force, after a look at what that comes to."""
    shown = _look(api, chosen or EVERYBODY)
    if preview:
        return shown
    warn(shown["preview"]["warnings"])
    agree(shown["preview"]["warnings"], yes=yes)
    return _bring(api, chosen or EVERYBODY)


def _look(api: Api, chosen: Chosen) -> Any:
    """Preview in pieces of what one request takes, and return them as one."""
    pieces = list(chosen.parts())
    shown = each(
        pieces,
        "Looking",
        lambda piece: api.post("/v1/policy/apply", piece.body() | {"preview": True}),
        changes=False,
    )
    previews = [answer["preview"] for answer in shown]
    load = [sum(hours) for hours in zip(*(one["load"] for one in previews), strict=True)]
    then = api.post("/v1/schedules/load", {"hours": len(load), "added": load})
    kinds: Counter[str] = Counter()
    for one in previews:
        kinds.update(one["changes"])
    whole = {
        name: sum(one[name] for one in previews) for name in ("looked_at", "companies", "kept")
    }
    examples = [example for one in previews for example in one["examples"]][:SHOWN]
    totals = {"peak": then["peak"], "warnings": then["warnings"]}
    preview = whole | totals | {"changes": dict(kinds), "load": load, "examples": examples}
    return shown[-1] | {"preview": preview}


def _bring(api: Api, chosen: Chosen) -> Any:
    """Enqueue it for each company, some at a time."""
    ids = chosen.ids(api)
    if not ids and not chosen.all:
        raise Failed(NO_COMPANY)

    def bring(some: tuple[str, ...]) -> int:
        return int(api.post("/v1/policy/apply", {"companies": some})["applied_to"])

    applied = sum(each(batched(ids, MAX_IDS), "Applying", bring, len))
    return api.get("/v1/policy") | {"saved": True, "applied_to": applied, "preview": None}


def _read(file: Path) -> Any:
    try:
        return Policy.from_file(file).model_dump(mode="json", exclude_unset=True)
    except BadPolicy as error:
        raise NotAccepted(str(error)) from None


def _show_preview(preview: dict[str, Any]) -> None:
    click.echo()
    show_facts(
        {"companies looked at": f"{preview['looked_at']} of {preview['companies']}"}
        | preview["changes"]
        | {"stay as they are": preview["kept"], "syncs in the fullest hour": preview["peak"]}
    )
    for warning in preview["warnings"]:
        click.secho(warning, fg="yellow", err=True)
    if preview["examples"]:
        click.echo()
        show_rows(preview["examples"], CHANGES)


def _in_words(schedule: dict[str, Any] | None) -> str:
    if schedule is None:
        return "none"
    return Definition(**schedule).schedule("", "").in_words()
