"""Codat's link pages: choose a platform, then agree or refuse, as a company's customer would."""

import re
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from codat.statuses import ConnectionStatus
from sandbox.api.services import services, world
from sandbox.world import platforms
from sandbox.world.model import Company, Connection
from sandbox.world.refusals import Refusal
from sandbox.world.world import SECOND

routes = Blueprint("link", __name__, template_folder="../templates", static_folder=None)
Page = AnyResponse | tuple[str, int]
KINDS = ("Accounting", "Banking", "Commerce")
WORDS = {
    ConnectionStatus.PENDING_AUTH: "Waiting for you",
    ConnectionStatus.LINKED: "Linked",
    ConnectionStatus.UNLINKED: "Unlinked",
    ConnectionStatus.DEAUTHORIZED: "Access was lost",
}
# Codat: auth-flow/customize/set-up-redirects, the reserved parameters' values.
OUTCOMES = {
    "authorise": (200, "OK", ""),
    "refuse": (403, "Forbidden", "User cancelled"),
    "fail": (500, "Internal Server Error", "The platform could not be reached."),
}
CONNECTOR = """This file stands in for the connector of {name}: in the sandbox nothing is installed.
To play what the connector does, open this address:

{play}
"""
POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"


@routes.after_request
def guard(answer: Response) -> Response:
    """Keep pages from running scripts and links from being passed on."""
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@routes.get("/sandbox.css")
def style() -> Response:
    """Return the pages their look."""
    return Response(render_template("sandbox.css"), mimetype="text/css")


@routes.get("/logos/<key>.svg")
def logo(key: str) -> Response:
    """Draw a platform's stand-in logo."""
    platform = platforms.find(key)
    if platform is None:
        return Response(status=404)
    return Response(platforms.logo(platform), mimetype="image/svg+xml")


@routes.get("/link/company/<company_id>")
def choose(company_id: str) -> Page:
    """Let the customer choose a platform, or go on with one chosen before."""
    try:
        company = world().company(company_id)
    except Refusal:
        return _gone("This company is not known here.")
    shown = _wanted_platforms()
    groups = [(kind, [p for p in shown if p.source_type == kind]) for kind in KINDS]
    return _page(
        "choose.html",
        company=company,
        connections=list(company.connections.values()),
        groups=[(kind, found) for kind, found in groups if found],
        found=len(shown),
        asked=request.args.get("find", ""),
        passed=_passed_on(),
        words=WORDS,
    )


@routes.post("/link/company/<company_id>")
def chosen(company_id: str) -> Page:
    """Make (or find) the connection for the chosen platform and go to its page."""
    with world().lock:
        try:
            company = world().company(company_id)
            key = request.form.get("platformKey", "")
            connection = _waiting(company, key) or world().create_connection(company.id, key)
        except Refusal as refusal:
            return _gone(refusal.error)
        return redirect(_page_of(connection), 303)


@routes.get("/link/<connection_id>")
def follow(connection_id: str) -> Page | Response:
    """Show what would be shared; on premise the link starts a download (Codat: Sage 50)."""
    connection = _connection(connection_id)
    otp = request.args.get("otp", "")
    if (
        connection is None
        or not connection.platform.is_offline
        or connection.status is ConnectionStatus.LINKED
        or not connection.accepts(otp, world().clock())
    ):
        return consent(connection_id)
    return _connector(connection)


def _connector(connection: Connection) -> Response:
    """Return a file that stands in for the connector, and says where to play it."""
    play = f"{world().base_url}{_page_of(connection)}"
    answer = Response(CONNECTOR.format(name=connection.platform.name, play=play))
    answer.headers["Content-Type"] = "application/octet-stream"
    name = f"{connection.platform.key}-connector.txt"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@routes.get("/link/<connection_id>/connector")
def consent(connection_id: str) -> Page:
    """Return what would be shared, and let the customer agree or refuse."""
    connection = _connection(connection_id)
    if connection is None:
        return _gone("This connection is not known here. It may have been deleted.")
    if connection.status is ConnectionStatus.LINKED:
        return _linked(connection)
    otp = request.args.get("otp", "")
    if not connection.accepts(otp, world().clock()):
        return _page("used.html", connection=connection, again=_company_page(connection))
    return _consent(connection, otp)


def _consent(connection: Connection, otp: str, *, wrong_key: bool = False) -> Page:
    return _page(
        "consent.html",
        company=world().company(connection.company_id),
        connection=connection,
        platform=connection.platform,
        otp=otp,
        passed=_passed_on(),
        back=_company_page(connection),
        wrong_key=wrong_key,
    )


def _has_licence(connection: Connection) -> bool:
    """Whether the connector was given its key, the company's id (Codat: Sage 50)."""
    if not connection.platform.is_offline:
        return True
    given = request.form.get("licenceKey", "").strip().lower()
    return given == connection.company_id


@routes.get("/link/<connection_id>/closed")
def closed(connection_id: str) -> Page:
    """Show what a customer leaves behind who closes the window: nothing, and no answer."""
    connection = _connection(connection_id)
    if connection is None:
        return _gone("This connection is not known here. It may have been deleted.")
    return _page("closed.html", connection=connection, again=_company_page(connection))


@routes.post("/link/<connection_id>/<any(authorise, refuse, fail):act>")
def decide(connection_id: str, act: str) -> Page:
    """Carry out the customer's decision, then send them back to the client."""
    with world().lock:
        connection = _connection(connection_id)
        if connection is None:
            return _gone("This connection is not known here. It may have been deleted.")
        if not connection.accepts(request.form.get("otp", ""), world().clock()):
            return _page("used.html", connection=connection, again=_company_page(connection))
        if act == "authorise" and not _has_licence(connection):
            return _consent(connection, request.form["otp"], wrong_key=True)
        if act == "authorise" and world().is_one_too_many(connection):
            world().fail(connection.id, ("500", "Internal Server Error", SECOND))
            act = "fail"
        elif act == "refuse":
            world().refuse(connection.id)
        elif act == "fail":
            world().fail(connection.id)
        elif connection.status is not ConnectionStatus.LINKED:
            world().authorise(
                connection.id,
                is_on="machineOff" not in request.form,
                is_one_time="oneTime" in request.form,
            )
    template = str(world().profile.get("redirectUrl") or "")
    if template:
        return redirect(_redirect_target(template, connection, *OUTCOMES[act]), 303)
    if act != "authorise":
        return _page(
            "refused.html", connection=connection, act=act, again=_company_page(connection)
        )
    return _linked(connection)


def _linked(connection: Connection) -> Page:
    return _page("linked.html", connection=connection, again=_company_page(connection))


def _gone(reason: str) -> Page:
    return render_template("gone.html", reason=reason), 404


def _page(name: str, **what: object) -> Page:
    return render_template(name, client=services().config.client_name, **what), 200


def _connection(connection_id: str) -> Connection | None:
    return world().connections.get(connection_id.lower())


def _company_page(connection: Connection) -> str:
    return f"/link/company/{connection.company_id}"


def _page_of(connection: Connection) -> str:
    passed = _passed_on()
    passed["otp"] = connection.fresh_otp(world().clock())
    connector = "/connector" if connection.platform.is_offline else ""
    return f"/link/{connection.id}{connector}?{urlencode(passed)}"


def _waiting(company: Company, key: str) -> Connection | None:
    """Find a connection to this platform that the customer may still authorise."""
    return next(
        (
            c
            for c in company.connections.values()
            if c.platform.key == key and c.status is not ConnectionStatus.LINKED
        ),
        None,
    )


def _wanted_platforms() -> list[platforms.Platform]:
    words = request.args.get("find", "").casefold()
    shows_sandbox = request.args.get("link.showSandboxIntegrations") != "false"
    return [
        p
        for p in platforms.PLATFORMS.values()
        if p.is_enabled
        and words in p.name.casefold()
        and (shows_sandbox or "Sandbox" not in p.name)
    ]


def _passed_on() -> dict[str, str]:
    """Return the parameters that the client put on the link and wants back."""
    return {k: v for k, v in request.args.items() if k not in ("otp", "find")}


def _redirect_target(
    template: str, connection: Connection, status: int, text: str, error: str
) -> str:
    """Fill the client's redirect template (Codat: auth-flow/customize/set-up-redirects)."""
    platform = connection.platform
    known = {
        **_passed_on(),
        "clientId": services().config.client_id,
        "companyId": connection.company_id,
        "connectionId": connection.id,
        "integrationId": platform.integration_id,
        "sourceId": platform.source_id,
        "platform": platform.key,
        "platformName": platform.name,
        "sourceType": platform.source_type,
        "statusCode": str(status),
        "statusText": text,
        "errorMessage": error,
    }
    return re.sub(r"\{([^{}]*)\}", lambda m: quote(known.get(m[1], ""), safe=""), template)
