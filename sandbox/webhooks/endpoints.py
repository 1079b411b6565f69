"""Where webhooks go, and when an endpoint that never answers is disabled."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.world.model import Consumer

OWN = "configured"  # the id of the endpoint given at start
MIN_FAILED_MESSAGES = 3  # messages that must have failed before an endpoint can be disabled


@dataclass(slots=True)
class Endpoints:
    """The endpoint given at start, the registered ones, and since when each has failed.

    One that has failed for `disable_after` seconds is disabled (Codat:
    using-the-api/webhooks/troubleshooting: 5 days).
    """

    url: str | None
    disable_after: float
    registered: Callable[[], Iterable[Consumer]] = tuple
    _is_own_disabled: bool = False
    _failing: dict[str, tuple[float, set[str]]] = field(default_factory=dict)

    def all(self) -> list[Consumer]:
        """List the endpoints there are now."""
        own = [Consumer(OWN, self.url, disabled=self._is_own_disabled)] if self.url else []
        return own + list(self.registered())

    def set_own(self, url: str | None) -> None:
        """Set the endpoint given at start again; it is enabled."""
        self.url, self._is_own_disabled = url, False
        self._failing.pop(OWN, None)

    def find(self, endpoint: str) -> Consumer | None:
        """Find an endpoint; None when it has been removed."""
        return next((one for one in self.all() if one.id == endpoint), None)

    def succeeded(self, endpoint: str) -> None:
        """Forget that an endpoint has failed."""
        self._failing.pop(endpoint, None)

    def failed(self, endpoint: str, message_id: str, now: float) -> None:
        """Remember that an endpoint has failed, and disable it when that has lasted too long."""
        since, messages = self._failing.setdefault(endpoint, (now, set()))
        if len(messages) < MIN_FAILED_MESSAGES:
            messages.add(message_id)
        if now - since >= self.disable_after and len(messages) >= MIN_FAILED_MESSAGES:
            self.disable(endpoint)

    def disable(self, endpoint: str) -> None:
        """Send an endpoint nothing more until it is enabled again."""
        self._failing.pop(endpoint, None)
        if endpoint == OWN:
            self._is_own_disabled = True
        for one in self.registered():
            if one.id == endpoint:
                one.disabled = True
