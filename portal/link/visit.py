"""A customer at their link: whose it is, where it stands, and the page for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Response, g, make_response, render_template, request
from markupsafe import Markup

from portal.link.words import ENGLISH
from portal.services import services
from relay.companies.company import Company
from relay.journeys import rules
from relay.journeys.attempts import note_outcome
from relay.journeys.journey import ACTS, Journey
from relay.journeys.rules import Change
from relay.journeys.stage import SHOWS_PROGRESS, Stage, is_disconnected, progress, stage_of
from relay.times import Millis, now_ms

COOKIE = "link-"  # + journey id: brings a customer who returns from Codat back to their link
COOKIE_PATH = "/link"
MAX_TOKEN_LENGTH = 64
LATE_MS = 60_000
# For each stage, which of the four steps shown above each page is the present one.
STEP_OF = {
    Stage.PICK: 0,
    Stage.CONSENT: 1,
    Stage.AUTHORISE: 2,
    Stage.WAITING: 2,
    Stage.REFUSED: 2,
    Stage.READING: 3,
    Stage.CONFIRM: 3,
    Stage.MISMATCH: 3,
    Stage.DONE: 4,
}

# Characters that reverse the text after them, so that a name could read as another.
OVERRIDES = dict.fromkeys(range(0x202A, 0x202F))


class NoJourney(Exception):
    """The link does not work: unknown, expired, replaced or revoked."""


class WornOut(Exception):
    """The link was used for too many acts; the firm can renew it."""


class NotOffered(Exception):
    """The platform that was chosen is not offered any more."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a customer's."""

    token: str
    journey: Journey
    company: Company | None
    stage: Stage
    now: Millis

    @property
    def platform_name(self) -> str:
        """The name of the platform chosen; empty before."""
        return self.journey.platform.name if self.journey.platform else ""

    @property
    def may_choose(self) -> bool:
        """Whether there is a platform to go back from."""
        return bool(self.journey.platform) and self.stage is not Stage.DONE

    @property
    def is_late(self) -> bool:
        """Whether the customer waits for longer than it takes as a rule; not on premise."""
        platform = self.journey.platform
        waits = self.stage in (Stage.WAITING, Stage.READING)
        is_offline = platform is not None and platform.is_offline
        return waits and not is_offline and self.now - self.journey.sent > LATE_MS

    @property
    def is_disconnected(self) -> bool:
        """Whether what was confirmed is linked no more."""
        return self.stage is Stage.DONE and is_disconnected(self.journey, self.company)

    @property
    def stamp(self) -> str:
        """A text that changes when there is something new to show; stage and attempt come first."""
        states = progress(self.journey, self.company).values()
        finished = (
            sum(state != "waiting" for state in states) if self.stage in SHOWS_PROGRESS else 0
        )
        known = self.company.info_version[0] if self.company else 0
        more = "-late" if self.is_late else "-ended" if self.is_disconnected else ""
        return f"{self.stage}-{self.journey.attempt}-{finished}-{known}{more}"

    def act(self, rule: Callable[[Journey], Change | None]) -> "Visit":
        """Move the journey by a rule; raises NoJourney when it ended meanwhile, or WornOut."""

        def while_open(journey: Journey) -> Change | None:
            change = rule(journey) if journey.is_open(self.now) else None
            if change and journey.is_worn() and any(kind in ACTS for kind, _ in change.events):
                raise WornOut
            return change

        moved = services().store.journeys.change(self.journey.id, while_open)
        if moved is None:
            raise NoJourney
        if moved.lane is not None:
            services().hints.drain(moved.lane)
        return _make_visit(self.token, moved.journey, self.now)


def find_visit(token: str) -> Visit:
    """Return the visit behind a link; raises NoJourney for every link that does not work.

    Records the first opening, the end of its time, and what Codat reported since. A HEAD records
    nothing: mail scanners send those.
    """
    now = now_ms()
    journey = services().store.journeys.by_token(token) if len(token) <= MAX_TOKEN_LENGTH else None
    if journey is None:
        raise NoJourney
    rule = rules.open_link if journey.is_open(now) else rules.expire
    if request.method != "HEAD" and rule(journey, now) is not None:
        moved = services().store.journeys.change(journey.id, lambda held: rule(held, now))
        if moved is None:
            raise NoJourney
        if moved.lane is not None:
            services().hints.drain(moved.lane)
        journey = moved.journey
    if not journey.is_open(now):
        raise NoJourney
    visit = _make_visit(token, journey, now)
    if request.method == "HEAD" or note_outcome(journey, visit.company) is None:
        return visit
    return visit.act(lambda held: note_outcome(held, visit.company))


def _make_visit(token: str, journey: Journey, now: int) -> Visit:
    company = services().store.companies.get(journey.company_id)
    visit = Visit(token, journey, company, stage_of(journey, company, now), Millis(now))
    g.visit = visit
    return visit


def current_visit() -> Visit | None:
    """Return this request's visit once it was found; error pages are for its customer too."""
    held: Visit | None = g.get("visit")
    return held


def page(name: str, visit: Visit | None = None, status: int = 200, **more: Any) -> Response:
    """Render one of the customer's pages in their language and the firm's colours."""
    brand, words = services().brand, services().words
    language = visit.journey.language if visit else _browsers_language()
    say: dict[str, Any] = {"firm": brand.name}
    if visit is not None:
        say |= {"platform": visit.platform_name}

    def t(text: str, /, **values: object) -> Markup:
        return words.html(language, text, **{**say, **values})

    def plain(text: str, /, **values: object) -> str:
        return words.plain(language, text, **{**say, **values})

    shown = render_template(
        f"link/{name}.html",
        t=t,
        plain=plain,
        has=words.has,
        brand=brand,
        assets=services().assets,
        visit=visit,
        at=f"/link/{visit.token}" if visit else "",
        step=STEP_OF.get(visit.stage, 0) if visit else None,
        until=_day(visit.journey.expires, plain) if visit else "",
        language=language,
        direction=words.plain(language, "direction"),
        base=services().settings.public_url,
        uses_sandbox=services().settings.uses_sandbox,
        **more,
    )
    answer = make_response(shown.translate(OVERRIDES), status)
    if visit is not None:
        answer.set_cookie(
            COOKIE + visit.journey.id,
            visit.token,
            max_age=max(0, (visit.journey.expires - visit.now) // 1000),
            path=COOKIE_PATH,
            secure=services().settings.public_url.startswith("https://"),
            httponly=True,
            samesite="Lax",
        )
    return answer


def _browsers_language() -> str:
    """Choose a language for a visitor without a journey."""
    return request.accept_languages.best_match(services().words.languages, ENGLISH) or ENGLISH


def _day(ms: int, plain: Callable[..., str]) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    month = plain(f"date.month.{moment.month}")
    return plain("date.form", day=moment.day, month=month, year=moment.year)
