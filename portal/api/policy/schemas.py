"""The policy, as it is sent to the API and shown by it."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from portal.http.company_selection import Selection
from portal.http.groups import Given, Sent
from relay.services.set_policy import PolicyEffect
from relay.syncs.change import Change
from relay.syncs.policy import Policy


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


def preview_shape(effect: PolicyEffect) -> PolicyPreview:
    """Return what a policy would change, as the API shows it."""
    return PolicyPreview(
        looked_at=effect.looked_at,
        companies=effect.companies,
        peak=max(effect.forecast.syncs),
        warnings=list(effect.forecast.warnings),
        changes=effect.changes,
        kept=effect.kept,
        load=effect.load,
        examples=[_change_shape(change) for change in effect.examples],
    )


def _change_shape(change: Change) -> ChangeShape:
    return ChangeShape(
        company_id=change.schedule.company_id,
        data_type=change.schedule.data_type,
        change=change.kind,
        before=change.before.in_words() if change.before else None,
        after=change.after.in_words() if change.after else None,
    )
