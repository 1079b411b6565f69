"""The sandbox's own controls, for this machine only: play the customer, set faults, look."""

from ipaddress import ip_address
from itertools import islice
from secrets import randbits
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from codat.statuses import ConnectionStatus
from sandbox import scenarios
from sandbox.api.routes.link import guard
from sandbox.api.services import body, reply, services, world
from sandbox.scenarios.play import Play
from sandbox.webhooks.messages import Message
from sandbox.world import clock, refusals, views
from sandbox.world.acts import Acts, buttons
from sandbox.world.moments import iso

routes = Blueprint("control", __name__, url_prefix="/sandbox")
MAX_MOVE_SECONDS = 10 * 366 * 86_400.0  # seconds
SHOWN = 200  # companies on the page
PAGE = "/sandbox/"


@routes.after_request
def guard_controls(answer: Response) -> Response:
    """Guard as link pages are, but let a browser say that a form is of this very site.

    Under `no-referrer` it would send `Origin: null`, as a foreign page's form might.
    """
    answer = guard(answer)
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


@routes.before_request
def only_here() -> Response | None:
    """Serve this machine alone, and no page of another site that its browser shows."""
    address = ip_address((request.remote_addr or "0.0.0.0").split("%")[0])  # noqa: S104
    mapped = getattr(address, "ipv4_mapped", None)
    origin = request.headers.get("Origin")
    if not (mapped or address).is_loopback or (origin and urlsplit(origin).netloc != request.host):
        return reply({"error": "The sandbox's controls serve this machine alone."}, 403)
    return None


@routes.get("/")
def page() -> str:
    """Show the companies with buttons, and what goes on."""
    with world().lock:
        found = list(islice(reversed(world().companies.values()), SHOWN))
        return render_template(
            "control.html",
            companies=[(company, buttons(company)) for company in found],
            total=len(world().companies),
            state=_state(),
            recent=list(reversed(services().journal.after(services().journal.last - 12))),
            scenarios=scenarios.names(),
        )


@routes.get("/state")
def state() -> Response:
    """Return the whole state in figures."""
    with world().lock:
        return reply(_state())


@routes.get("/journal")
def journal() -> Response:
    """List what was asked and sent after entry `after`, oldest first."""
    after = request.args.get("after", 0, int)
    entries = services().journal.after(after, request.args.get("limit", 10_000, int))
    return reply({"entries": entries, "last": services().journal.last})


@routes.post("/companies")
def make() -> AnyResponse:
    """Make a company from the page."""
    data = _asked()
    world().create_company(str(data.get("name") or "New company"))
    return _done({})


@routes.post("/companies/<company_id>/<act>")
def act(company_id: str, act: str) -> AnyResponse:
    """Do to a company what a customer, a platform or a person at Codat would do."""
    with world().lock:
        company = world().company(company_id)
        Acts(world(), services().delivery).do(act, company, _asked())
        gone = company.id not in world().companies
        shown = {} if gone else views.company(company, world().base_url, world().clock())
    return _done(shown)


@routes.get("/faults")
def list_faults() -> Response:
    """List the faults set on the API."""
    return reply({"faults": services().faults.list()})


@routes.post("/faults")
def add_fault() -> Response:
    """Set a fault on the API."""
    try:
        return reply(services().faults.add(body()).shown(), 201)
    except (TypeError, ValueError) as error:
        raise refusals.bad_request(str(error)) from error


@routes.delete("/faults")
def clear_faults() -> Response:
    """Take all faults away, on the API and on delivery."""
    services().faults.clear()
    return reply(status=204)


@routes.post("/delivery")
def set_delivery() -> AnyResponse:
    """Set faults of webhook delivery, and where webhooks go (`webhookUrl`)."""
    data = _asked()
    delivery = services().delivery
    if "webhookUrl" in data:
        delivery.url = str(data.pop("webhookUrl") or "") or None
    try:
        delivery.faults = delivery.faults.changed(
            {k: float(v) if isinstance(v, str) else v for k, v in data.items()}
        )
    except ValueError as error:
        raise refusals.bad_request(str(error)) from error
    return _done({**delivery.faults.shown(), "webhookUrl": delivery.url})


@routes.post("/quota")
def set_quota() -> Response:
    """Set `daily`, `perMinute`, `concurrent` (null: Codat's formula, no limit) and `used`.

    `freePlan` true brings a free plan's limits.
    """
    data = body()
    if not all(value is None or isinstance(value, int) for value in data.values()):
        raise refusals.bad_request("daily, perMinute, concurrent, used: whole numbers or null")
    with world().lock:
        quota = world().quota
        quota.daily = data.get("daily", quota.daily)
        quota.per_minute = data.get("perMinute", quota.per_minute)
        quota.used = data.get("used", quota.used) or 0
        services().concurrency.limit = data.get("concurrent", services().concurrency.limit)
        world().is_free_plan = bool(data.get("freePlan", world().is_free_plan))
        world().advance()
        return reply(
            {
                "daily": quota.daily,
                "perMinute": quota.per_minute,
                "concurrent": services().concurrency.limit,
                "used": quota.used,
                "freePlan": world().is_free_plan,
            }
        )


@routes.post("/clock")
def move_clock() -> AnyResponse:
    """Let `move` seconds pass at once: reads, schedules, quotas, links and retries follow."""
    try:
        seconds = float(_asked().get("move", 0))
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= MAX_MOVE_SECONDS:
        raise refusals.bad_request("move: seconds, 0 to ten years")
    clock.move(services().clock, world(), seconds)
    services().delivery.moved()
    return _done({"now": iso(world().clock()), "ahead": services().clock.ahead})


@routes.get("/scenarios")
def list_scenarios() -> Response:
    """List the scenarios that can be played."""
    return reply({"scenarios": [scenarios.load(name).shown() for name in scenarios.names()]})


@routes.post("/play")
def play() -> AnyResponse:
    """Play a `scenario` to its end, its ids decided by `seed` (drawn where none is given)."""
    data = _asked()
    given = data.get("seed")
    try:
        seed = randbits(31) if given in (None, "") else int(str(given))
        scenario = scenarios.load(str(data.get("scenario")))
    except (ValueError, KeyError) as error:
        raise refusals.bad_request(str(error)) from error
    return _done(Play(services(), scenario, seed).run())


@routes.post("/replay")
def replay() -> AnyResponse:
    """Send kept messages again: `which` all or failed, of one `companyId` if named.

    `missed` sends what an endpoint was never sent, being disabled or not there yet.
    """
    data = _asked()
    which, company = data.get("which", "all"), data.get("companyId")
    if which == "missed":
        return _done({"sent": services().delivery.replay_missed(company)})
    if which not in ("all", "failed"):
        raise refusals.bad_request("which: all, failed or missed")

    def wanted(message: Message) -> bool:
        return company in (None, message.company_id) and not (which == "failed" and message.taken)

    count = services().delivery.replay(wanted, new_ids=bool(data.get("newIds")))
    return _done({"sent": count})


def _state() -> dict[str, Any]:
    delivery, quota = services().delivery, world().quota
    connections = [str(c.status) for c in world().connections.values()]
    return {
        "companies": len(world().companies),
        "connections": {str(s): connections.count(str(s)) for s in ConnectionStatus},
        "reading": sum(len(c.running) for c in world().companies.values()),
        "webhookUrl": delivery.url,
        "webhooksUnfinished": delivery.unfinished,
        "delivery": delivery.faults.shown(),
        "faults": services().faults.list(),
        "quota": {
            "limit": quota.limit(world().linked_companies()),
            "used": quota.used,
            "perMinute": quota.per_minute,
        },
        "now": iso(world().clock()),
        "journal": services().journal.last,
    }


def _is_form() -> bool:
    return request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")


def _asked() -> dict[str, Any]:
    return dict(request.form) if _is_form() else body()


def _done(data: dict[str, Any]) -> AnyResponse:
    return redirect(PAGE, 303) if _is_form() else reply(data)
