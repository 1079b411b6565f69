"""The policy: which schedules companies get, by source type, platform and data type."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from codat.statuses import DATA_TYPES
from relay import files
from relay.companies.company import Company, CompanyStatus, Connection
from relay.nearest import hint, hint_of
from relay.syncs.change import Change
from relay.syncs.definition import MAX_SPREAD, Definition
from relay.syncs.schedule import ALL, SPREAD, Cadence, Schedule

POLICY = "policy"  # origin of a schedule that follows the rules
KEEP_ALIVE = "keep-alive"  # origin of the one that keeps an idle company's authorisation
# The data types with the least to read, by kind of software; other kinds prefix their data types.
SMALLEST_DATA_TYPES = {
    "accounting": ("company", "taxRates"),
    "banking": ("banking-accounts", "banking-transactionCategories"),
    "commerce": ("commerce-companyInfo", "commerce-locations"),
}
NOT_A_DATA_TYPE = "must be `all` or one of Codat's data types, such as `invoices`"


class BadPolicy(ValueError):
    """The text is not a policy; `str()` says where and why."""


class Rule(BaseModel):
    """Companies with a linked connection that fits get this schedule; without one, none.

    For each data type, the first rule that fits applies.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_type: Annotated[str | None, Field(examples=["Accounting"])] = None
    platform: Annotated[str | None, Field(description="Its key or its name.")] = None
    data_type: str = ALL
    schedule: Definition | None = None

    @field_validator("data_type")
    @classmethod
    def _known(cls, value: str) -> str:
        return known_data_type(value)

    def fits(self, connection: Connection) -> bool:
        """Report whether the rule applies to this connection, whatever the case of letters."""
        if self.source_type and self.source_type.casefold() != connection.source_type.casefold():
            return False
        names = (connection.platform_key.casefold(), connection.platform_name.casefold())
        return self.platform is None or self.platform.casefold() in names


class Policy(BaseModel):
    """The schedules that companies get when they link, and existing ones on request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: Annotated[tuple[Rule, ...], Field(max_length=200)] = ()
    # Codat: using-the-api/queueing-data-syncs, "at least monthly, or the token can expire".
    keep_alive: Annotated[
        bool, Field(description="Give companies that nothing else syncs one small sync a month.")
    ] = True

    @classmethod
    def of_cadence(cls, cadence: str) -> Self:
        """Return the policy for one word: `hourly` to `monthly` for everything, or `none`."""
        if cadence == "none":
            return cls(keep_alive=False)
        chosen = Cadence(cadence)
        return cls(rules=(Rule(schedule=Definition(cadence=chosen, spread=SPREAD[chosen])),))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a policy from TOML; raises BadPolicy with every fault and its line."""
        try:
            return cls.model_validate(files.parse_toml(text))
        except ValidationError as error:
            said = "; ".join(_fault(one, text) for one in error.errors())
            raise BadPolicy(said) from None
        except ValueError as error:
            raise BadPolicy(str(error)) from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a policy file; raises BadPolicy, which names file, line and fault."""
        try:
            return cls.from_toml(files.read_text(path))
        except files.BadFile as error:
            raise BadPolicy(str(error)) from None
        except BadPolicy as error:
            raise BadPolicy(f"{path} {error}") from None

    def schedules_for(self, company: Company) -> dict[str, Schedule]:
        """Return the schedules that the rules give a company, by data type."""
        linked = [c for c in company.connections.values() if c.status == CompanyStatus.LINKED]
        decided: dict[str, Definition | None] = {}
        for rule in self.rules:
            if rule.data_type not in decided and any(rule.fits(c) for c in linked):
                decided[rule.data_type] = rule.schedule
        return {
            data_type: definition.schedule(company.id, data_type, POLICY)
            for data_type, definition in decided.items()
            if definition
        }


def _fault(error: Any, text: str) -> str:
    """Return what is wrong with one value of a policy file, with its line."""
    loc = error["loc"]
    said = str(error["msg"]).removeprefix("Value error, ") + hint_of(error)
    if error["type"] == "extra_forbidden":
        models: dict[int, type[BaseModel]] = {1: Policy, 3: Rule, 4: Definition}
        model = models.get(len(loc), Policy)
        said = f"is not known{hint(str(loc[-1]), model.model_fields)}"
    return f"{files.place(text, loc).lstrip()} {'.'.join(map(str, loc))}: {said}".lstrip()


def known_data_type(name: str) -> str:
    """Return the name if it is `all` or a data type of Codat's; raises ValueError."""
    if name != ALL and name not in DATA_TYPES:
        raise ValueError(NOT_A_DATA_TYPE + hint(name, (ALL, *DATA_TYPES)))
    return name


def changes_for(
    company: Company,
    present: Mapping[str, Schedule],
    policy: Policy,
    *,
    now: int,
    apply: bool = False,
    keep: bool = False,
) -> list[Change]:
    """Return the changes that make a company's schedules agree with its status and the policy.

    The rules apply to a company without schedules, or to any with `apply`; schedules that a person
    set stay. With `keep` no rule applies and only the keep-alive sync is settled, as after a person
    changed the schedules. `now` is in epoch seconds.
    """
    if company.status is not CompanyStatus.LINKED:
        reason = f"the company is {company.status}"
        return [
            Change(s, s.suspend(reason, s.suspended_at or now))
            for s in present.values()
            if s.suspended != reason
        ]
    wanted = {
        data_type: replace(s, suspended=None, suspended_at=0) for data_type, s in present.items()
    }
    if apply or not (present or keep):
        kept = {d: s for d, s in wanted.items() if s.origin != POLICY}
        wanted = policy.schedules_for(company) | kept
    wanted = _kept_alive(company, wanted, policy)
    return [
        Change(present.get(d), wanted.get(d))
        for d in [*present, *(d for d in wanted if d not in present)]
        if present.get(d) != wanted.get(d)
    ]


def _kept_alive(
    company: Company, wanted: dict[str, Schedule], policy: Policy
) -> dict[str, Schedule]:
    """Return the schedules plus one small monthly sync for each kind of software without any."""
    kept = {d: s for d, s in wanted.items() if s.origin != KEEP_ALIVE}
    if not policy.keep_alive:
        return kept
    running = {_kind_of(d) for d, s in kept.items() if s.running}
    linked = {
        c.source_type.casefold()
        for c in company.connections.values()
        if c.status == CompanyStatus.LINKED
    }
    kinds = {name if name in SMALLEST_DATA_TYPES else "accounting" for name in linked}
    monthly = Definition(cadence=Cadence.MONTHLY, spread=MAX_SPREAD[Cadence.MONTHLY])
    for kind in sorted(kinds - running) if ALL not in running else ():
        # A data type that a person switched off stays off.
        free = next((d for d in SMALLEST_DATA_TYPES[kind] if d not in kept), None)
        if free:
            kept[free] = monthly.schedule(company.id, free, KEEP_ALIVE)
    return kept


def _kind_of(data_type: str) -> str:
    """Return the kind of software that a data type belongs to; ALL belongs to each."""
    if data_type == ALL:
        return ALL
    kind, dash, _ = data_type.partition("-")
    return kind if dash and kind in SMALLEST_DATA_TYPES else "accounting"
