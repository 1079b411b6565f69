"""The customer's pages: one address, which shows where their journey stands."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from codat.records import read_id
from portal.link import errors, platform_search, platforms
from portal.link.consent import Sharing, cadence_of, in_words, planned, read_types, shared, sharing
from portal.link.errors import gone
from portal.link.leaving import firms_address
from portal.link.visit import COOKIE, NoJourney, NotOffered, Visit, page, visit
from portal.link.waiting import look_again
from portal.link.wrong_company import undone
from portal.services import services
from relay.companies.company import BROKEN, Company
from relay.companies.identity import Identity, differs_by_books
from relay.journeys import rules
from relay.journeys.stage import OVER, Stage, connection_of, expected, identity, progress

link = Blueprint("link_pages", __name__, url_prefix="/link", template_folder="templates")
errors.register(link)

LONGEST_SEARCH = 100
MOST_COOKIES = 20  # journeys of one browser looked at when it returns
CODES = frozenset({"403", "500", "501"})


@link.get("/<token>")
def show(token: str) -> Response:
    """Show where the journey stands."""
    seen = undone(visit(token))
    look_again(services().store, services().hints, seen)
    if seen.stage is Stage.MISMATCH:
        before, found = _both(seen)
        seen = seen.act(lambda journey: rules.stop_at_mismatch(journey, before, found, seen.now))
    return gone() if seen.stage in OVER else PAGES[seen.stage](seen)


@link.get("/<token>/state")
def state(token: str) -> Response:
    """Tell the page's script whether there is something new to show."""
    seen = visit(token)
    look_again(services().store, services().hints, seen)
    return jsonify(stamp=seen.stamp)


@link.get("/<token>/not-listed")
def not_listed(token: str) -> Response:
    """Ask what the customer uses, when it is not in the list."""
    return page("unlisted", visit(token), sought="", asked=request.args.get("asked", "")[:100])


@link.get("/return")
def returned() -> AnyResponse:
    """Take in a customer whom Codat sends back. What the address says proves nothing.

    It only helps to find which of this browser's journeys it was, to choose a sentence, and to
    look at Codat now (Codat: auth-flow/customize/set-up-redirects).
    """
    seen = _visit_here()
    if seen is None:
        return page("returned")
    look_again(services().store, services().hints, seen, returned=True)
    code = request.args.get("statusCode") or request.args.get("statuscode")
    query = f"?code={code}" if code in CODES else ""
    return redirect(f"/link/{seen.token}{query}", 303)


@link.route("/", defaults={"rest": ""}, methods=["GET", "POST"])
@link.route("/<path:rest>", methods=["GET", "POST"])
def elsewhere(rest: str) -> AnyResponse:
    """Lead whoever opens the address of a form back to its link; all else does not work.

    Such an address stands in the browser after the form was sent, and is copied to another device.
    """
    token, form, _ = rest.partition("/")
    if not form or request.method == "POST":
        return gone()
    return redirect(f"/link/{visit(token).token}", 303)


def _pick(seen: Visit) -> Response:
    asked = request.args.get("find", "")[:LONGEST_SEARCH].strip()
    wanted = (
        request.args.get("sourceType") or request.args.get("integrationType") or ""
    ).casefold()
    tests = services().settings.uses_sandbox
    offered = platforms.offered(seen.journey, services().platforms.all(), tests=tests)
    kinds = [name for name, _ in platforms.by_type(offered)]
    kind = next((name for name in kinds if name.casefold() == wanted), "")
    if kind:
        offered = dict(platforms.by_type(offered))[kind]
    found = platform_search.find(offered, asked)
    linked = {
        c.platform_key
        for c in _connections(seen.company)
        # Of what was undone here Codat's own word may still be on its way.
        if c.status == "Linked" and c.id not in seen.journey.unlinked_connections
    }
    return page(
        "pick",
        seen,
        groups=[("found", found)] if asked and found else platforms.by_type(offered),
        asked=asked,
        nothing=not found,
        count=len(found),
        kind=kind,
        kinds=kinds,
        linked=linked,
    )


def _consent(seen: Visit, *, missed: bool = False, changed: bool = False) -> Response:
    return page(
        "consent",
        seen,
        sharing=sharing_of(seen),
        again=_again(seen),
        missed=missed,
        changed=changed,
        **_offline(seen),
    )


def _again(seen: Visit) -> dict[str, str] | None:
    """Say why a connection is to be made again, and which company's it is; None for a new one."""
    connections = seen.company.connections if seen.company else {}
    if seen.journey.reconnects is None:
        return None
    held = connections.get(seen.journey.reconnects)
    before = expected(seen.journey, seen.company)
    return {
        "reason": held.status if held and held.status in BROKEN else "other",
        "company": before.shown if before else "",
    }


def _authorise(seen: Visit) -> Response:
    return steps_page(seen) if _offline(seen)["is_offline"] else page("authorise", seen)


def _waiting(seen: Visit) -> Response:
    code = request.args.get("code", "")
    if code in CODES:
        return page("outcome", seen, kind=code, reason="", watches=True, code=code)
    if _offline(seen)["is_offline"]:
        return steps_page(seen)
    # Without JavaScript this page alone is loaded again by itself: it is short, so nothing that
    # somebody reads or has opened is taken away (WCAG 2.2.1). Others have a link for it.
    return page("waiting", seen, watches=True, renews=not seen.is_late)


def _refused(seen: Visit) -> Response:
    connection = connection_of(seen.journey, seen.company)
    reason = connection.errors[-1] if connection and connection.errors else ""
    code = request.args.get("code", "")
    code = code if code in CODES else ""
    return page("outcome", seen, kind=code or "refused", reason=reason, watches=True, code=code)


def _reading(seen: Visit) -> Response:
    return page("reading", seen, watches=True, **_progress(seen), **_offline(seen))


def _confirm(seen: Visit, *, changed: bool = False) -> Response:
    found = identity(seen.journey, seen.company)
    shown = found.mark(seen.journey.connection_id)
    return page("confirm", seen, found=found, shown=shown, changed=changed, watches="quietly")


def _mismatch(seen: Visit, *, changed: bool = False) -> Response:
    before, found = _both(seen)
    return page(
        "mismatch",
        seen,
        found=found,
        expected=before,
        by_books=differs_by_books(before, found),
        shown=found.mark(seen.journey.connection_id),
        changed=changed,
        watches=True,
    )


def _both(seen: Visit) -> tuple[Identity, Identity]:
    """Give who the company was, and who it is by what was linked."""
    before = expected(seen.journey, seen.company) or Identity()
    return before, identity(seen.journey, seen.company)


def _done(seen: Visit) -> Response:
    known = _progress(seen)
    return page(
        "done",
        seen,
        found=identity(seen.journey, seen.company),
        back=firms_address(seen, "confirmed"),
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


def steps_page(seen: Visit, **more: Any) -> Response:
    """Show the steps for software on a computer of the customer's."""
    return page("offline", seen, watches=True, **more)


def consent_page(seen: Visit, *, missed: bool, changed: bool) -> Response:
    """Show the consent again, with what was amiss."""
    return _consent(seen, missed=missed, changed=changed)


def once_more(seen: Visit) -> Response:
    """Show who was linked once more, as it is not what was shown before."""
    return (_mismatch if seen.stage is Stage.MISMATCH else _confirm)(seen, changed=True)


def sharing_of(seen: Visit) -> Sharing:
    """Work out what linking the chosen platform would share; raises NotOffered or Refusal."""
    platform = seen.journey.platform
    integration = services().platforms.one(platform.key) if platform else None
    if integration is None:
        raise NotOffered
    company = seen.company or Company(seen.journey.company_id)
    policy = services().store.policies.in_force(services().settings).policy
    held = services().store.schedules.of(company.id)
    wanted = planned(company, integration, held, policy)
    read = read_types(company, wanted, services().store.platforms.read_by_codat())
    return sharing(
        integration,
        shared(integration, read),
        cadence_of(wanted, policy),
        seen.journey.language,
        (services().brand, services().words),
    )


def _offline(seen: Visit) -> dict[str, Any]:
    platform = seen.journey.platform
    return {"is_offline": platform is not None and platform.is_offline}


def _progress(seen: Visit) -> dict[str, Any]:
    states = progress(seen.journey, seen.company)
    words, language = services().words, seen.journey.language
    named = [(in_words(words, language, name), state) for name, state in states.items()]
    count = sum(state in ("read", "not_offered") for state in states.values())
    waits = "waiting" in states.values()
    return {"states": named, "count": count, "total": len(named), "waits": waits}


def _visit_here() -> Visit | None:
    """Find this browser's link: of the journey or company that the address names, if any.

    The cookie is the proof; an address that names another's journey finds nothing.
    """
    wanted, company_id = request.args.get("journey"), read_id(request.args.get("companyId"))
    tokens = [
        (name.removeprefix(COOKIE), token)
        for name, token in request.cookies.items()
        if name.startswith(COOKIE)
    ][-MOST_COOKIES:]
    for journey_id, token in sorted(tokens, reverse=True):
        try:
            seen = visit(token)
        except NoJourney:
            continue
        if wanted and wanted != journey_id:
            continue
        if not wanted and company_id and company_id != seen.journey.company_id:
            continue
        return seen
    return None


def _connections(company: Company | None) -> list[Any]:
    return list(company.connections.values()) if company else []
