"""A customer at their link: whose it is, where it stands, and the page for it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from flask import Response, make_response, render_template, request
from markupsafe import Markup
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from portal.journeys_words import ENGLISH
from portal.parts import parts
from portal.problems import Refusal
from relay import attempts, journeys
from relay.company import Company
from relay.journeys import Change, Journey
from relay.stages import Stage, progress, stage_of
from relay.store.inbox import NotDurable
from relay.store.journeys import Contended
from relay.times import now_ms

COOKIE = "link-"  # + journey id: brings a customer who returns from Codat back to their link
COOKIE_PATH = "/link"
LONGEST_TOKEN = 64
AGAIN_SECONDS = 5
# By where the journey stands, which of the four steps shown above each page is the present one.
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

PROGRESSING = (Stage.READING, Stage.DONE)  # pages that show how far the first reading has come

log = structlog.get_logger(__name__)


class NoJourney(Exception):
    """The link is not one that works, whatever the reason."""


class WornOut(Exception):
    """More was done by the link than one customer does; the firm can renew it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a customer's."""

    token: str
    journey: Journey
    company: Company | None
    stage: Stage
    now: int  # ms since the epoch

    @property
    def platform_name(self) -> str:
        """The name of the platform chosen; empty before."""
        return self.journey.platform.name if self.journey.platform else ""

    @property
    def stamp(self) -> str:
        """What changes when there is something new to show; the stage and attempt stand first."""
        states = progress(self.journey, self.company).values()
        finished = sum(state != "waiting" for state in states) if self.stage in PROGRESSING else 0
        known = self.company.info_version[0] if self.company else 0
        return f"{self.stage}-{self.journey.attempt}-{finished}-{known}"

    def act(self, rule: Callable[[Journey], Change | None]) -> "Visit":
        """Move the journey by a rule; raises NoJourney when it ended meanwhile, or WornOut."""

        def while_open(journey: Journey) -> Change | None:
            change = rule(journey) if journey.is_open(self.now) else None
            if (
                change
                and journey.is_worn()
                and any(kind in journeys.ACTS for kind, _ in change.told)
            ):
                raise WornOut
            return change

        moved = parts().store.journeys.change(self.journey.id, while_open)
        if moved is None:
            raise NoJourney
        if moved.lane is not None:
            parts().hints.drain(moved.lane)
        return _seen(self.token, moved.journey, self.now)


def visit(token: str) -> Visit:
    """Give the visit behind a link; raises NoJourney, the same for each that does not work.

    The first opening is noted, though not by a HEAD: mail scanners send those. So is that the time
    is over, and what Codat told since.
    """
    now = now_ms()
    journey = parts().store.journeys.by_token(token) if len(token) <= LONGEST_TOKEN else None
    if journey is None:
        raise NoJourney
    rule = journeys.opened if journey.is_open(now) else journeys.expired
    if request.method != "HEAD" and rule(journey, now) is not None:
        moved = parts().store.journeys.change(journey.id, lambda held: rule(held, now))
        if moved is None:
            raise NoJourney
        if moved.lane is not None:
            parts().hints.drain(moved.lane)
        journey = moved.journey
    if not journey.is_open(now):
        raise NoJourney
    seen = _seen(token, journey, now)
    if request.method == "HEAD" or attempts.note(journey, seen.company) is None:
        return seen
    return seen.act(lambda held: attempts.note(held, seen.company))


def _seen(token: str, journey: Journey, now: int) -> Visit:
    company = parts().store.companies.get(journey.company_id)
    return Visit(token, journey, company, stage_of(journey, company, now), now)


def page(name: str, seen: Visit | None = None, status: int = 200, **more: Any) -> Response:
    """Render one of the customer's pages in their language and the firm's colours."""
    language = seen.journey.language if seen else ENGLISH
    brand, words = parts().brand, parts().words
    say: dict[str, Any] = {"firm": brand.name}
    if seen is not None:
        say |= {"platform": seen.platform_name}

    def t(text: str, /, **values: object) -> Markup:
        return words.html(language, text, **{**say, **values})

    def plain(text: str, /, **values: object) -> str:
        return words.plain(language, text, **{**say, **values})

    answer = make_response(
        render_template(
            f"link/{name}.html",
            t=t,
            plain=plain,
            has=words.has,
            brand=brand,
            files=parts().files,
            visit=seen,
            at=f"/link/{seen.token}" if seen else "",
            step=STEP_OF.get(seen.stage, 0) if seen else None,
            until=_day(seen.journey.expires) if seen else "",
            language=language,
            direction=words.plain(language, "direction"),
            base=parts().settings.public_url,
            uses_sandbox=parts().settings.uses_sandbox,
            **more,
        ),
        status,
    )
    if seen is not None:
        answer.set_cookie(
            COOKIE + seen.journey.id,
            seen.token,
            max_age=max(0, (seen.journey.expires - seen.now) // 1000),
            path=COOKIE_PATH,
            secure=parts().settings.public_url.startswith("https://"),
            httponly=True,
            samesite="Lax",
        )
    return answer


def gone() -> Response:
    """Answer for every link that does not work: unknown, too old, replaced or revoked."""
    return page("gone", status=404)


def register(blueprint: Any) -> None:
    """Keep the customer's pages out of caches, and answer every fault with a page of theirs."""
    blueprint.after_request(_private)
    blueprint.register_error_handler(NoJourney, lambda error: gone())
    blueprint.register_error_handler(WornOut, lambda error: page("worn", status=429))
    blueprint.register_error_handler(Refusal, _refused)
    for away in (RedisError, NotDurable, Contended):
        blueprint.register_error_handler(away, partial(_sorry, 503))
    blueprint.register_error_handler(Exception, _broken)


def _private(answer: Response) -> Response:
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def _refused(refusal: Refusal) -> Response:
    if refusal.kind != "codat-refused":
        return _sorry(503, refusal)
    return page("sorry", status=502, address=_address(), reason=refusal.detail)


def _sorry(status: int, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        log.warning("link.not_served", error=str(error)[:200])
    return _apology(status)


def _apology(status: int) -> Response:
    answer = page("sorry", status=status, address=_address(), reason="")
    answer.headers["Retry-After"] = str(AGAIN_SECONDS)
    return answer


def _broken(error: Exception) -> Any:
    if isinstance(error, HTTPException):
        return error if error.code == 413 else gone()
    log.error("link.failed", exc_info=error)  # never the address, which is a secret
    return _apology(500)


def _address() -> str:
    """Give the link's own page, to try again from."""
    token = (request.view_args or {}).get("token")
    return f"/link/{token}" if token else ""


def _day(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment.day} {moment:%B %Y}"
