"""Make a company's schedules agree with its status and the policy. Calls nobody."""

from relay.services import set_schedule
from relay.store.intents.names import intent_name
from relay.store.intents.queue import Intent, NewIntent, Priority
from relay.syncs.policy import BadPolicy, changes_for
from workers.context import Context
from workers.intents.retry_policy import AttemptResult, ResultKind

IS_LOCAL = True
FIRST_AFTER = 3600  # seconds after a link in which Codat's own first sync runs
UNTIL_MENDED = 60.0  # seconds after which a policy file that cannot be used is read again
CHANGED_MEANWHILE = "the schedules were changed meanwhile"


def run(context: Context, intent: Intent) -> AttemptResult:
    """Give, suspend or resume the company's schedules; with `apply` bring them to the policy.

    With `keep` only see that the company is kept alive.
    """
    company = context.store.companies.get(intent.company_id)
    if company is None:
        return AttemptResult(ResultKind.DONE)
    schedules, now = context.store.schedules, int(context.store.time())
    apply, keep = bool(intent.args.get("apply")), bool(intent.args.get("keep"))
    try:
        policy = context.store.policies.in_force(context.settings).policy
    except BadPolicy as error:  # the file was changed while we run; it is read anew each time
        return AttemptResult(ResultKind.LATER, wait=UNTIL_MENDED, error=str(error), expected=True)
    wanted = changes_for(company, schedules.of(company.id), policy, now=now, apply=apply, keep=keep)
    for change in wanted:
        just_linked = change.kind == "resumed" or not (change.before or apply or keep)
        written = set_schedule.write(
            context.store,
            context.hints,
            change,
            now=now,
            cause=f"{intent.name}#{intent.fence}:{change.schedule.data_type}",
            earliest=now + FIRST_AFTER if just_linked else None,
        )
        if not written:
            return AttemptResult(ResultKind.LATER, wait=0.2, error=CHANGED_MEANWHILE, expected=True)
    if any(schedule.fresh for schedule in schedules.of(company.id).values()):
        now_ms = context.store.now_ms()
        watch = NewIntent(
            intent_name("fresh", company.id), company.id, Priority.LOCAL, now_ms, intent.cause
        )
        context.store.intents.put([watch], now_ms)
    return AttemptResult(ResultKind.DONE)
