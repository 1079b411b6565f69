"""See and set which schedules companies are given, and what a change would come to."""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Self

from flask_openapi.models.tag import Tag
from pydantic import BaseModel, Field

from portal.api.load.routes import WEEK_HOURS, change, load_of
from portal.api.schedules.held_back import LOOKED_AT, batches
from portal.http.auth import caller
from portal.http.company_selection import Selection, chosen
from portal.http.groups import Given, Reply, Sent, described, group
from portal.http.problems import Refusal
from portal.services import services
from relay.companies.company import Company
from relay.services.known_names import check_platform, check_source_type
from relay.store.intents.queue import NewIntent, Priority
from relay.store.schedules.policies import Origin
from relay.syncs.change import Change
from relay.syncs.policy import Policy, changes_for
from relay.syncs.schedule import Schedule
from relay.times import now_ms

api = group(
    "policy",
    __name__,
    Tag(name="Policy", description="Which schedules companies are given when they link."),
)

SHOWN = 20  # changes of a preview that are shown one by one
SET_BY_FILE = "The policy is in the file that RELAY_POLICY_FILE names. Change it there."


class PolicyInForce(BaseModel):
    """The rules in force, and where they are from: `file`, `api` or `setting`."""

    origin: str
    policy: Policy


class PolicyBody(Sent, Policy):
    """The policy that is to be in force."""


class PutQuery(Given):
    """How to set the policy."""

    preview: Annotated[bool, Field(description="Say what would change; save nothing.")] = False
    apply: Annotated[
        bool, Field(description="Bring existing companies to it too; what a person set stays.")
    ] = False


class ChangeShape(BaseModel):
    """One schedule that would be written, as a few words before and after."""

    company_id: str
    data_type: str
    change: str
    before: str | None
    after: str | None


class PolicyPreview(BaseModel):
    """What applying the policy to existing companies comes to; `examples` are the first few."""

    looked_at: Annotated[int, Field(description="Companies looked at, of `companies` in all.")]
    companies: int
    changes: Annotated[dict[str, int], Field(description="How many schedules, by change.")]
    kept: Annotated[int, Field(description="Schedules that stay as they are.")]
    peak: Annotated[int, Field(description="Syncs in the fullest hour of the week then coming.")]
    warnings: Annotated[list[str], Field(description="Where Codat's limits would not cover it.")]
    load: Annotated[
        list[int],
        Field(
            description="By how many syncs each hour of the coming week changes; /v1/schedules/load"
            " takes it as `added`."
        ),
    ]
    examples: list[ChangeShape]


class PolicySet(PolicyInForce):
    """The policy as it is or would be, and what it comes to for existing companies."""

    saved: bool
    applied_to: Annotated[int, Field(description="Companies that are being brought to it.")]
    preview: PolicyPreview | None


@api.get("/policy", responses={200: PolicyInForce, **described("conflict")})
def get_policy() -> Reply:
    """Give the policy in force."""
    found = services().store.policies.in_force(services().settings)
    return _plain(PolicyInForce(origin=found.origin, policy=found.policy))


@api.put("/policy", responses={200: PolicySet, **described("forbidden", "conflict")})
def put_policy(query: PutQuery, body: PolicyBody) -> Reply:
    """Set the policy; companies that link from now on follow it, existing ones when asked to."""
    store = services().store
    for number, rule in enumerate(body.rules):
        check_platform(store, f"rules.{number}.platform", rule.platform)
        check_source_type(store, f"rules.{number}.source_type", rule.source_type)
    if query.preview:
        shown = _preview(body, services().store.companies.all())
        return _plain(_answer(body, saved=False, applied_to=0, preview=shown))
    _refuse_beside_a_file()
    store.policies.put(body)
    applied_to = _apply(store.companies.all()) if query.apply else 0
    return _plain(_answer(body, saved=True, applied_to=applied_to, preview=None))


@api.delete(
    "/policy",
    description="Safe to send twice: where none was set by `PUT`, that stays so.",
    responses={204: None, **described("forbidden", "conflict")},
)
def delete_policy() -> Reply:
    """Go back to what RELAY_DEFAULT_CADENCE says."""
    _refuse_beside_a_file()
    services().store.policies.clear()
    return "", HTTPStatus.NO_CONTENT


class ApplyBody(Selection):
    """Which companies to bring to the policy; an empty body means all."""

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Self:
        """Read a body, with nothing for all; a choice that is empty, as of no company, is none."""
        if obj is None or isinstance(obj, dict):
            given = obj or {}
            named = {name for name, value in given.items() if value is not None} - {"preview"}
            obj = given if named else given | {"all": True}
        return super().model_validate(obj)


@api.post(
    "/policy/apply",
    responses={
        200: PolicySet,
        202: PolicySet,
        **described("forbidden", "unknown-company", "conflict"),
    },
)
def apply_policy(body: ApplyBody) -> Reply:
    """Bring existing companies to the policy in force; what a person set stays."""
    found = services().store.policies.in_force(services().settings)
    shown = _preview(found.policy, chosen(body)) if body.preview else None
    applied_to = 0 if shown else _apply(chosen(body))
    answer = PolicySet(
        origin=found.origin,
        policy=found.policy,
        saved=shown is None,
        applied_to=applied_to,
        preview=shown,
    )
    return _plain(answer), HTTPStatus.OK if shown else HTTPStatus.ACCEPTED


def _refuse_beside_a_file() -> None:
    if services().settings.relay_policy_file is not None:
        raise Refusal("conflict", SET_BY_FILE)


def _preview(policy: Policy, companies: Iterable[Company]) -> PolicyPreview:
    store, now = services().store, now_ms() // 1000
    kinds: Counter[str] = Counter()
    examples: list[ChangeShape] = []
    found_first = list(islice(companies, LOOKED_AT))
    looked_at, kept, total = len(found_first), 0, len(found_first)
    if total == LOOKED_AT:  # of a filter's companies too many are assumed rather than too few
        total = store.companies.count()
    before, after = list[Schedule](), list[Schedule]()
    for page in batches(found_first):
        held = store.schedules.of_many([company.id for company in page])
        for company in page:
            found = changes_for(company, held[company.id], policy, now=now, apply=True)
            kinds.update(one.kind for one in found)
            before += [one.before for one in found if one.before]
            after += [one.after for one in found if one.after]
            kept += len(held[company.id]) - sum(one.before is not None for one in found)
            examples += [_shape(company.id, c) for c in found[: SHOWN - len(examples)]]
    added = [more * total // max(1, looked_at) for more in change(before, after, now)]
    load = load_of(WEEK_HOURS, added)
    return PolicyPreview(
        looked_at=looked_at,
        companies=total,
        peak=load.peak,
        warnings=load.warnings,
        changes=dict(kinds),
        kept=kept,
        load=added,
        examples=examples,
    )


def _apply(companies: Iterable[Company]) -> int:
    """Leave each company that is not deleted the intent to follow the policy; say how many."""
    store, cause, asked = services().store, f"api:{caller().name}", 0
    for page in batches(companies):
        now = now_ms()
        there = [company for company in page if not company.deleted]
        store.intents.put(
            [
                NewIntent(
                    name=f"cadence:{company.id}:apply",
                    company_id=company.id,
                    priority=Priority.LOCAL,
                    due=now,
                    cause=cause,
                    args={"apply": True},
                )
                for company in there
            ],
            now,
        )
        asked += len(there)
    if asked and store.intents.may_hint():
        services().hints.perform()
    return asked


def _answer(
    policy: Policy, *, saved: bool, applied_to: int, preview: PolicyPreview | None
) -> PolicySet:
    return PolicySet(
        origin=Origin.API, policy=policy, saved=saved, applied_to=applied_to, preview=preview
    )


def _shape(company_id: str, change: Change) -> ChangeShape:
    data_type = (change.after or change.before).data_type  # type: ignore[union-attr]
    return ChangeShape(
        company_id=company_id,
        data_type=data_type,
        change=change.kind,
        before=change.before.in_words() if change.before else None,
        after=change.after.in_words() if change.after else None,
    )


def _plain(answer: BaseModel) -> dict[str, Any]:
    return answer.model_dump(mode="json")
