"""What a customer does on their pages; each act is safe to send twice."""

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.http.addresses import with_query
from portal.http.codat_problems import asking_codat
from portal.link import errors, views
from portal.link.platforms import offered
from portal.link.visit import Visit, WornOut, find_visit, page
from portal.link.wrong_company import restart, restart_if_unlinked
from portal.services import services
from relay.journeys import rules
from relay.journeys.history import EntryType
from relay.journeys.journey import Journey, Platform
from relay.journeys.rules import Change
from relay.journeys.stage import Stage, identity
from relay.services import journey_connection
from relay.services.journey_connection import Destination

link = Blueprint("link_acts", __name__, url_prefix="/link")
errors.register(link)

# Where something is linked, the way back to the choice is to say that it is the wrong company.
LINKED = (Stage.READING, Stage.CONFIRM, Stage.MISMATCH, Stage.DONE)
MAX_ANSWER_LENGTH = 100  # characters
MAX_ANSWERS = 10  # of one customer to "which software do you use?"


@link.post("/<token>/platform")
def choose(token: str) -> AnyResponse:
    """Take the platform chosen, if it is one of those offered."""
    visit = find_visit(token)
    key = request.form.get("platform", "")[:64]
    found = services().platforms.one(key)
    tests = services().settings.uses_sandbox
    if found is not None and not offered(visit.journey, [found], tests=tests):
        found = None
    if found is not None and visit.stage not in LINKED:
        platform = Platform(found.key, found.name, found.source_type or "", found.is_offline)
        after = visit.act(lambda journey: rules.choose_platform(journey, platform, visit.now))
        _delete_unused(visit, after)
    return _home(visit)


@link.post("/<token>/back")
def back(token: str) -> AnyResponse:
    """Go back to the choice of platform."""
    visit = find_visit(token)
    if visit.stage not in LINKED:
        after = visit.act(lambda journey: rules.leave_platform(journey, visit.now))
        _delete_unused(visit, after)
    return _home(visit)


@link.post("/<token>/not-listed")
def not_listed(token: str) -> AnyResponse:
    """Record which software the customer uses that is not in the list."""
    visit = find_visit(token)
    sought = " ".join(request.form.get("sought", "").split())[:MAX_ANSWER_LENGTH]
    given = [one for one in visit.journey.history if one.type == EntryType.PLATFORM_NOT_LISTED]
    if not sought:
        return redirect(f"/link/{token}/not-listed", 303)
    if len(given) < MAX_ANSWERS and sought not in [one.detail for one in given]:
        visit.act(lambda journey: rules.note_not_listed(journey, sought, visit.now))
    return page("unlisted", visit, sought=sought, asked="")


@link.post("/<token>/consent")
def consent(token: str) -> AnyResponse:
    """Record what was agreed to, as it was shown, then send the customer on."""
    visit = find_visit(token)
    platform = visit.journey.platform
    if visit.stage in (Stage.AUTHORISE, Stage.WAITING):
        return _onward(visit)  # of two clicks at once, the browser shows the answer to the second
    if visit.stage is not Stage.CONSENT or platform is None:
        return _home(visit)
    shown = views.sharing_of(visit)
    if request.form.get("agree") != "yes":
        return views.consent_page(visit, missed=True, changed=False)
    if request.form.get("version") != shown.version:
        return views.consent_page(visit, missed=False, changed=True)
    given = shown.consent(visit.journey, platform, visit.now)
    visit = visit.act(lambda journey: rules.record_consent(journey, given))
    return _onward(visit)


@link.post("/<token>/authorise")
def authorise(token: str) -> AnyResponse:
    """Send the customer to Codat; not without consent."""
    visit = restart_if_unlinked(find_visit(token))
    if visit.journey.consent is None or visit.stage not in (
        Stage.AUTHORISE,
        Stage.WAITING,
        Stage.REFUSED,
    ):
        return _home(visit)
    return _send_to_codat(visit)


@link.post("/<token>/confirm")
def confirm(token: str) -> AnyResponse:
    """Confirm the company that the customer was shown."""
    visit = find_visit(token)
    if visit.stage is not Stage.CONFIRM or visit.journey.is_unlinking:
        return _home(visit)
    found, connection_id = identity(visit.journey, visit.company), visit.journey.connection_id
    if request.form.get("shown") != found.mark(connection_id):
        return views.confirm_again(visit)

    def rule(journey: Journey) -> Change | None:
        same = journey.connection_id == connection_id
        return rules.confirm_company(journey, found, visit.now) if same else None

    return _home(visit.act(rule))


@link.post("/<token>/wrong")
def wrong(token: str) -> AnyResponse:
    """Unlink the wrong company that was shown, then start again.

    What was linked before the journey stays linked, for the firm to judge.
    """
    visit = restart_if_unlinked(find_visit(token))
    connection_id = visit.journey.connection_id
    is_shown = visit.stage in (Stage.CONFIRM, Stage.MISMATCH) or visit.journey.is_unlinking
    if not is_shown or connection_id is None:
        return _home(visit)
    mark = identity(visit.journey, visit.company).mark(connection_id)
    if not visit.journey.is_unlinking and request.form.get("shown") != mark:
        return views.confirm_again(visit)
    if visit.journey.was_linked_already:
        return page("disputed", restart(visit), platform=visit.platform_name)
    claimed = visit.act(rules.begin_unlinking)
    if claimed.journey.is_unlinking and claimed.journey.connection_id == connection_id:
        with asking_codat(services().store, services().codat_call_limit):
            journey_connection.unlink(services().codat, visit.journey.company_id, connection_id)
        restart(visit)
    return _home(visit)


def _onward(visit: Visit) -> AnyResponse:
    platform = visit.journey.platform
    return _home(visit) if platform is None or platform.is_offline else _send_to_codat(visit)


def _send_to_codat(visit: Visit) -> AnyResponse:
    """Record that the customer goes to Codat, then show the page that takes them there.

    A page, not a redirect: browsers apply `form-action` to all redirects that follow a form, and
    Codat's lead to the platform's own login. For software on a computer the link starts a download
    (Codat: integrations/accounting/sage50), and the browser stays on the page: so it shows the
    steps.
    """
    if visit.journey.is_unlinking:
        return _home(visit)
    if visit.journey.is_worn():
        raise WornOut  # before Codat is asked for anything
    reads = visit.company.info_reads if visit.company else 0
    to = _find_or_create(visit.journey)
    after = visit.act(
        lambda journey: rules.send_to_codat(
            journey,
            to.connection_id,
            visit.now,
            is_linked=to.is_linked,
            reads=reads,
            is_new=to.is_new,
        )
    )
    if to.is_linked or to.url is None or after.journey.connection_id != to.connection_id:
        return _home(after)
    # The firm's redirect hands the journey back (Codat: redirects).
    url = with_query(to.url, f"journey={visit.journey.id}")
    if not journey_connection.is_trusted(url, services().settings):
        return page("shown", after, url=url)
    if after.journey.platform and after.journey.platform.is_offline:
        return views.steps_page(after, download=url)
    return page("leaving", after, url=url)


def _find_or_create(journey: Journey) -> Destination:
    """Find or create the journey's connection while no one else does; raises Refusal."""
    store, settings = services().store, services().settings
    assert journey.platform is not None
    lease = journey_connection.lease_ms(settings.relay_codat_timeout)
    with (
        store.journeys.turn(journey.company_id, lease),
        asking_codat(store, services().codat_call_limit),
    ):
        return journey_connection.find_or_create(services().codat, journey, journey.platform)


def _delete_unused(visit: Visit, after: Visit) -> None:
    """Have connections that the customer turned away from deleted at Codat."""
    journey_connection.delete_unused(
        services().store, services().hints, visit.journey, after.journey, visit.now
    )


def _home(visit: Visit) -> AnyResponse:
    answer: Response = redirect(f"/link/{visit.token}", 303)  # type: ignore[assignment]
    return answer
