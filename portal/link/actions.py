"""What a customer does on their pages; each act is safe to send twice."""

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from portal.link import codat_link, errors, views
from portal.link.platforms import offered
from portal.link.visit import Visit, WornOut, page, visit
from portal.link.wrong_company import begun_again, undone
from portal.services import services
from relay.journeys import rules
from relay.journeys.journey import Journey, Platform
from relay.journeys.rules import Change
from relay.journeys.stage import Stage, identity

link = Blueprint("link_acts", __name__, url_prefix="/link")
errors.register(link)

# Where something is linked, the way back to the choice is to say that it is the wrong company.
LINKED = (Stage.READING, Stage.CONFIRM, Stage.MISMATCH, Stage.DONE)
LONGEST_ANSWER = 100  # characters
MOST_ANSWERS = 10  # of one customer to "which software do you use?"


@link.post("/<token>/platform")
def choose(token: str) -> AnyResponse:
    """Take the platform chosen, if it is one of those offered."""
    seen = visit(token)
    key = request.form.get("platform", "")[:64]
    found = services().platforms.one(key)
    tests = services().settings.uses_sandbox
    if found is not None and not offered(seen.journey, [found], tests=tests):
        found = None
    if found is not None and seen.stage not in LINKED:
        platform = Platform(found.key, found.name, found.source_type or "", found.is_offline)
        after = seen.act(lambda journey: rules.choose_platform(journey, platform, seen.now))
        codat_link.drop_unused(seen.journey, after.journey, seen.now)
    return _home(seen)


@link.post("/<token>/back")
def back(token: str) -> AnyResponse:
    """Go back to the choice of platform."""
    seen = visit(token)
    if seen.stage not in LINKED:
        after = seen.act(lambda journey: rules.leave_platform(journey, seen.now))
        codat_link.drop_unused(seen.journey, after.journey, seen.now)
    return _home(seen)


@link.post("/<token>/not-listed")
def not_listed(token: str) -> AnyResponse:
    """Note what the customer uses."""
    seen = visit(token)
    sought = " ".join(request.form.get("sought", "").split())[:LONGEST_ANSWER]
    given = [one for one in seen.journey.history if one.type == "journey.platform_not_listed"]
    if not sought:
        return redirect(f"/link/{token}/not-listed", 303)
    if len(given) < MOST_ANSWERS and sought not in [one.detail for one in given]:
        seen.act(lambda journey: rules.note_not_listed(journey, sought, seen.now))
    return page("unlisted", seen, sought=sought, asked="")


@link.post("/<token>/consent")
def consent(token: str) -> AnyResponse:
    """Record what was agreed to, as it was shown, then send the customer on."""
    seen = visit(token)
    platform = seen.journey.platform
    if seen.stage in (Stage.AUTHORISE, Stage.WAITING):
        return _onward(seen)  # of two clicks at once, the browser shows what the second came to
    if seen.stage is not Stage.CONSENT or platform is None:
        return _home(seen)
    shown = views.sharing_of(seen)
    if request.form.get("agree") != "yes":
        return views.consent_page(seen, missed=True, changed=False)
    if request.form.get("version") != shown.version:
        return views.consent_page(seen, missed=False, changed=True)
    given = shown.consent(seen.journey, platform, seen.now)
    seen = seen.act(lambda journey: rules.record_consent(journey, given))
    return _onward(seen)


@link.post("/<token>/authorise")
def authorise(token: str) -> AnyResponse:
    """Send the customer to Codat; not without consent."""
    seen = undone(visit(token))
    if seen.journey.consent is None or seen.stage not in (
        Stage.AUTHORISE,
        Stage.WAITING,
        Stage.REFUSED,
    ):
        return _home(seen)
    return _leave(seen)


@link.post("/<token>/confirm")
def confirm(token: str) -> AnyResponse:
    """Take the customer's word that it is their company: the one that they were shown."""
    seen = visit(token)
    if seen.stage is not Stage.CONFIRM or seen.journey.is_unlinking:
        return _home(seen)
    found, connection_id = identity(seen.journey, seen.company), seen.journey.connection_id
    if request.form.get("shown") != found.mark(connection_id):
        return views.once_more(seen)

    def rule(journey: Journey) -> Change | None:
        same = journey.connection_id == connection_id
        return rules.confirm_company(journey, found, seen.now) if same else None

    return _home(seen.act(rule))


@link.post("/<token>/wrong")
def wrong(token: str) -> AnyResponse:
    """Unlink the wrong company, the one shown, then start again.

    One that was linked before is for the firm to judge.
    """
    seen = undone(visit(token))
    connection_id = seen.journey.connection_id
    is_shown = seen.stage in (Stage.CONFIRM, Stage.MISMATCH) or seen.journey.is_unlinking
    if not is_shown or connection_id is None:
        return _home(seen)
    mark = identity(seen.journey, seen.company).mark(connection_id)
    if not seen.journey.is_unlinking and request.form.get("shown") != mark:
        return views.once_more(seen)
    if seen.journey.was_linked_already:
        return page("disputed", begun_again(seen), platform=seen.platform_name)
    claimed = seen.act(rules.begin_unlinking)
    if claimed.journey.is_unlinking and claimed.journey.connection_id == connection_id:
        codat_link.unlink(seen.journey.company_id, connection_id)
        begun_again(seen)
    return _home(seen)


def _onward(seen: Visit) -> AnyResponse:
    platform = seen.journey.platform
    return _home(seen) if platform is None or platform.is_offline else _leave(seen)


def _leave(seen: Visit) -> AnyResponse:
    """Record that the customer goes, then show the page that takes them there.

    A page, not a redirect: browsers hold a form's whole chain of redirects to `form-action`, and
    Codat's leads on to the platform's own login. On premise that starts a download (Codat:
    integrations/accounting/sage50), which leaves the page where it is: so it is the steps.
    """
    if seen.journey.is_unlinking:
        return _home(seen)
    if seen.journey.is_worn():
        raise WornOut  # before Codat is asked for anything
    reads = seen.company.info_reads if seen.company else 0
    way = codat_link.way(seen.journey)
    after = seen.act(
        lambda journey: rules.send_to_codat(
            journey,
            way.connection_id,
            seen.now,
            is_linked=way.is_linked,
            reads=reads,
            is_new=way.is_new,
        )
    )
    if way.is_linked or way.url is None or after.journey.connection_id != way.connection_id:
        return _home(after)
    if not codat_link.is_trusted(way.url, services().settings):
        return page("shown", after, url=way.url)
    if after.journey.platform and after.journey.platform.is_offline:
        return views.steps_page(after, download=way.url)
    return page("leaving", after, url=way.url)


def _home(seen: Visit) -> AnyResponse:
    answer: Response = redirect(f"/link/{seen.token}", 303)  # type: ignore[assignment]
    return answer
