"""The customer's pages: one address, which shows where their journey stands."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from codat.records import read_id
from portal.link import errors, platform_search, platforms
from portal.link.consent import Sharing, cadence_of, in_words, planned, read_types, shared, sharing
from portal.link.errors import gone
from portal.link.not_now import firms_address
from portal.link.visit import COOKIE, NoJourney, NotOffered, Visit, find_visit, page
from portal.link.wrong_company import restart_if_unlinked
from portal.services import services
from relay.companies.company import BROKEN, Company
from relay.companies.identity import Identity, differs_by_books
from relay.journeys import rules
from relay.journeys.stage import OVER, Stage, connection_of, expected, identity, progress
from relay.services.look_again import look_again

link = Blueprint("link_pages", __name__, url_prefix="/link", template_folder="templates")
errors.register(link)

MAX_SEARCH_LENGTH = 100
MAX_COOKIES = 20  # journeys of one browser looked at when its customer returns
CODES = frozenset({"403", "500", "501"})


@link.get("/<token>")
def show(token: str) -> Response:
    """Show where the journey stands."""
    visit = restart_if_unlinked(find_visit(token))
    _look_again(visit)
    if visit.stage is Stage.MISMATCH:
        before, found = _expected_and_found(visit)
        visit = visit.act(lambda journey: rules.stop_at_mismatch(journey, before, found, visit.now))
    return gone() if visit.stage in OVER else PAGES[visit.stage](visit)


@link.get("/<token>/state")
def state(token: str) -> Response:
    """Report to the page's script whether there is something new to show."""
    visit = find_visit(token)
    _look_again(visit)
    return jsonify(stamp=visit.stamp)


@link.get("/<token>/not-listed")
def not_listed(token: str) -> Response:
    """Ask what the customer uses, when it is not in the list."""
    return page("unlisted", find_visit(token), sought="", asked=request.args.get("asked", "")[:100])


@link.get("/return")
def returned() -> AnyResponse:
    """Show their journey to a customer whom Codat sends back.

    What the address says proves nothing. It helps to find which of this browser's journeys it was,
    to choose a sentence, and to look at Codat now (Codat: auth-flow/customize/set-up-redirects).
    """
    visit = _returning_visit()
    if visit is None:
        return page("returned")
    _look_again(visit, returned=True)
    code = request.args.get("statusCode") or request.args.get("statuscode")
    query = f"?code={code}" if code in CODES else ""
    return redirect(f"/link/{visit.token}{query}", 303)


@link.route("/", defaults={"rest": ""}, methods=["GET", "POST"])
@link.route("/<path:rest>", methods=["GET", "POST"])
def elsewhere(rest: str) -> AnyResponse:
    """Redirect from the address of a form to its link; no other address works.

    After a form was sent its address stands in the browser, and may be opened on another device.
    """
    token, form, _ = rest.partition("/")
    if not form or request.method == "POST":
        return gone()
    return redirect(f"/link/{find_visit(token).token}", 303)


def _look_again(visit: Visit, *, returned: bool = False) -> None:
    store, hints = services().store, services().hints
    look_again(store, hints, visit.journey, visit.company, visit.now, returned=returned)


def _pick(visit: Visit) -> Response:
    asked = request.args.get("find", "")[:MAX_SEARCH_LENGTH].strip()
    wanted = (
        request.args.get("sourceType") or request.args.get("integrationType") or ""
    ).casefold()
    tests = services().settings.uses_sandbox
    offered = platforms.offered(visit.journey, services().platforms.all(), tests=tests)
    kinds = [name for name, _ in platforms.by_type(offered)]
    kind = next((name for name in kinds if name.casefold() == wanted), "")
    if kind:
        offered = dict(platforms.by_type(offered))[kind]
    found = platform_search.find(offered, asked)
    linked = {
        c.platform_key
        for c in _connections(visit.company)
        # Of what was unlinked here Codat's report may still be on its way.
        if c.status == "Linked" and c.id not in visit.journey.unlinked_connections
    }
    return page(
        "pick",
        visit,
        groups=[("found", found)] if asked and found else platforms.by_type(offered),
        asked=asked,
        nothing=not found,
        count=len(found),
        kind=kind,
        kinds=kinds,
        linked=linked,
    )


def _consent(visit: Visit, *, missed: bool = False, changed: bool = False) -> Response:
    return page(
        "consent",
        visit,
        sharing=sharing_of(visit),
        again=_again(visit),
        missed=missed,
        changed=changed,
        **_offline(visit),
    )


def _again(visit: Visit) -> dict[str, str] | None:
    """Return why a connection must be made again, and for which company; None for a new one."""
    connections = visit.company.connections if visit.company else {}
    if visit.journey.reconnects is None:
        return None
    held = connections.get(visit.journey.reconnects)
    before = expected(visit.journey, visit.company)
    return {
        "reason": held.status if held and held.status in BROKEN else "other",
        "company": before.shown if before else "",
    }


def _authorise(visit: Visit) -> Response:
    return steps_page(visit) if _offline(visit)["is_offline"] else page("authorise", visit)


def _waiting(visit: Visit) -> Response:
    code = request.args.get("code", "")
    if code in CODES:
        return page("outcome", visit, kind=code, reason="", watches=True, code=code)
    if _offline(visit)["is_offline"]:
        return steps_page(visit)
    # Without JavaScript this page alone is loaded again by itself: it is short, so nothing that
    # somebody reads or has opened is taken away (WCAG 2.2.1). Others have a link for it.
    return page("waiting", visit, watches=True, renews=not visit.is_late)


def _refused(visit: Visit) -> Response:
    connection = connection_of(visit.journey, visit.company)
    reason = connection.errors[-1] if connection and connection.errors else ""
    code = request.args.get("code", "")
    code = code if code in CODES else ""
    return page("outcome", visit, kind=code or "refused", reason=reason, watches=True, code=code)


def _reading(visit: Visit) -> Response:
    return page("reading", visit, watches=True, **_progress(visit), **_offline(visit))


def _confirm(visit: Visit, *, changed: bool = False) -> Response:
    found = identity(visit.journey, visit.company)
    shown = found.mark(visit.journey.connection_id)
    return page("confirm", visit, found=found, shown=shown, changed=changed, watches="quietly")


def _mismatch(visit: Visit, *, changed: bool = False) -> Response:
    before, found = _expected_and_found(visit)
    return page(
        "mismatch",
        visit,
        found=found,
        expected=before,
        by_books=differs_by_books(before, found),
        shown=found.mark(visit.journey.connection_id),
        changed=changed,
        watches=True,
    )


def _expected_and_found(visit: Visit) -> tuple[Identity, Identity]:
    """Return who the company was before, and who it is now."""
    before = expected(visit.journey, visit.company) or Identity()
    return before, identity(visit.journey, visit.company)


def _done(visit: Visit) -> Response:
    known = _progress(visit)
    return page(
        "done",
        visit,
        found=identity(visit.journey, visit.company),
        back=firms_address(visit, "confirmed"),
        watches=known["waits"],
        **known,
    )


PAGES: dict[Stage, Callable[[Visit], Response]] = {
    Stage.PICK: _pick,
    Stage.CONSENT: _consent,
    Stage.AUTHORISE: _authorise,
    Stage.WAITING: _waiting,
    Stage.REFUSED: _refused,
    Stage.READING: _reading,
    Stage.CONFIRM: _confirm,
    Stage.MISMATCH: _mismatch,
    Stage.DONE: _done,
}


def steps_page(visit: Visit, **more: Any) -> Response:
    """Show the steps for software on a computer of the customer."""
    return page("offline", visit, watches=True, **more)


def consent_page(visit: Visit, *, missed: bool, changed: bool) -> Response:
    """Show the consent again, with what is missing or changed."""
    return _consent(visit, missed=missed, changed=changed)


def confirm_again(visit: Visit) -> Response:
    """Show the linked company again, as another was shown before."""
    return (_mismatch if visit.stage is Stage.MISMATCH else _confirm)(visit, changed=True)


def sharing_of(visit: Visit) -> Sharing:
    """Return what linking the chosen platform would share; raises NotOffered or Refusal."""
    platform = visit.journey.platform
    integration = services().platforms.one(platform.key) if platform else None
    if integration is None:
        raise NotOffered
    company = visit.company or Company(visit.journey.company_id)
    policy = services().store.policies.in_force(services().settings).policy
    held = services().store.schedules.of(company.id)
    wanted = planned(company, integration, held, policy)
    read = read_types(company, wanted, services().store.platforms.read_by_codat())
    return sharing(
        integration,
        shared(integration, read),
        cadence_of(wanted, policy),
        visit.journey.language,
        (services().brand, services().words),
    )


def _offline(visit: Visit) -> dict[str, Any]:
    platform = visit.journey.platform
    return {"is_offline": platform is not None and platform.is_offline}


def _progress(visit: Visit) -> dict[str, Any]:
    states = progress(visit.journey, visit.company)
    words, language = services().words, visit.journey.language
    named = [(in_words(words, language, name), state) for name, state in states.items()]
    count = sum(state in ("read", "not_offered") for state in states.values())
    waits = "waiting" in states.values()
    return {"states": named, "count": count, "total": len(named), "waits": waits}


def _returning_visit() -> Visit | None:
    """Find the link of this browser, of the journey or company that the address names if it does.

    The cookie is the proof; an address that names another customer's journey finds nothing.
    """
    wanted, company_id = request.args.get("journey"), read_id(request.args.get("companyId"))
    tokens = [
        (name.removeprefix(COOKIE), token)
        for name, token in request.cookies.items()
        if name.startswith(COOKIE)
    ][-MAX_COOKIES:]
    for journey_id, token in sorted(tokens, reverse=True):
        try:
            visit = find_visit(token)
        except NoJourney:
            continue
        if wanted and wanted != journey_id:
            continue
        if not wanted and company_id and company_id != visit.journey.company_id:
            continue
        return visit
    return None


def _connections(company: Company | None) -> list[Any]:
    return list(company.connections.values()) if company else []
