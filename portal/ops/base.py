"""What all operators' pages share: blueprint, sign-in guard, rendering, error page."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from flask import Blueprint, Response, make_response, render_template, request
from redis.exceptions import RedisError

from portal.http.groups import Reply
from portal.http.headers import OPS_WITH_SCRIPT
from portal.http.problems import CONTENDED, KINDS, STORE_AWAY_SECONDS, Refusal, refusal_of
from portal.ops import session
from portal.services import services
from relay.services.errors import Refused
from relay.store.journeys.records import Contended
from relay.store.server.durable import NotDurable
from relay.tokens import Token

ops = Blueprint("ops", __name__, url_prefix="/ops", template_folder="templates")

# What can be reached without signing in.
OPEN_ENDPOINTS = frozenset({"ops.home", "ops.sign_in", "ops.sign_out"})
FORM_NOT_OURS = "This form was not sent from our own page, or waited too long. Send it again."
VIEW_ONLY = "Your token may only look. Sign in with one that has the role `operate`."
STORE_AWAY = "Redis does not answer; nothing can be shown for now. Try again in a few seconds."

View = TypeVar("View", bound=Callable[..., Reply])

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A page at `/ops/<name>`, made from the template `ops/<name>.html`."""

    name: str
    title: str  # in the navigation
    about: str  # in the list on the first page

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"/ops/{self.name}"

    def get(self, rule: str = "") -> Callable[[View], View]:
        """Show what a view returns at the page's address, or below it."""
        return self._route("GET", rule)

    def post(self, rule: str = "") -> Callable[[View], View]:
        """Take a form at the page's address, or below it; the view calls `check_operator`."""
        return self._route("POST", rule)

    def render(self, **values: Any) -> Response:
        """Render the page's template."""
        return render(self.name, **values)

    def _route(self, method: str, rule: str) -> Callable[[View], View]:
        def add(view: View) -> View:
            endpoint = f"{self.name}-{view.__name__}"
            ops.add_url_rule(f"/{self.name}{rule}", endpoint, view, methods=[method])
            return view

        return add


_pages: dict[str, Page] = {}


def add_page(name: str, title: str, about: str) -> Page:
    """Return a new page; the navigation and the first page show it."""
    page = _pages[name] = Page(name, title, about)
    return page


def with_all_pages() -> Blueprint:
    """Return the blueprint with every page: each module in `pages/` adds its own when imported."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent / "pages")]):
        importlib.import_module(f"portal.ops.pages.{module.name}")
    return ops


def render(
    template: str, status: int = 200, *, has_script: bool = False, **values: Any
) -> Response:
    """Render a template of the operators' pages; `has_script` lets it load our own scripts."""
    person = session.signed_in()
    shared = {
        "person": person,
        "csrf": session.form_proof(session.SESSION) if person else "",
        "uses_sandbox": services().settings.uses_sandbox,
        "pages": sorted(_pages.values(), key=lambda page: page.title),
    }
    answer = make_response(render_template(f"ops/{template}.html", **shared | values), status)
    if has_script:
        answer.headers["Content-Security-Policy"] = OPS_WITH_SCRIPT
    return answer


def person() -> Token:
    """Return who is signed in; `require_session` lets nobody else reach a page."""
    return cast(Token, session.signed_in())


def check_operator() -> None:
    """Raise Refusal unless the form is ours and its sender has the role `operate`."""
    if not session.form_is_ours(session.SESSION):
        raise Refusal("malformed", FORM_NOT_OURS)
    if person().role != "operate":
        raise Refusal("forbidden", VIEW_ONLY)


@ops.before_request
def require_session() -> Response | None:
    """Redirect everyone who is not signed in to the first page."""
    if request.endpoint in OPEN_ENDPOINTS or session.signed_in():
        return None
    return session.redirect_home()


@ops.after_request
def keep_private(answer: Response) -> Response:
    """Keep these pages out of caches, and the session in its cookie."""
    answer.headers["Cache-Control"] = "no-store"
    return session.keep_cookies(answer)


@ops.errorhandler(Refusal)
@ops.errorhandler(Refused)
def show_refusal(error: Refusal | Refused) -> Response:
    """Say why something was not done."""
    refusal = refusal_of(error)
    return _error_page(refusal.detail, KINDS[refusal.kind].status)


@ops.errorhandler(RedisError)
@ops.errorhandler(NotDurable)
@ops.errorhandler(Contended)
def show_unavailable(error: Exception) -> Response:
    """Say that the store does not answer or did not keep a write, or that others were quicker."""
    log.warning("ops.not_served", error=str(error)[:200])
    answer = _error_page(CONTENDED if isinstance(error, Contended) else STORE_AWAY, 503)
    answer.headers["Retry-After"] = str(STORE_AWAY_SECONDS)
    return answer


def _error_page(message: str, status: int) -> Response:
    """Render the error page without the navigation: who is signed in may not be known."""
    return make_response(render_template("ops/error.html", message=message), status)
