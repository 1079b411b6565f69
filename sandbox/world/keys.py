"""The client's API keys: at most ten, and never none (Codat: using-the-api/authentication)."""

import hmac
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from sandbox.world.ids import Ids
from sandbox.world.refusals import Refusal, bad_request, not_found

MAX_KEYS = 10
MAX_NAME_LENGTH = 50


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, and its name if it was given one."""

    id: str
    key: str = field(repr=False)
    created: str
    name: str | None = None

    def shown(self) -> dict[str, Any]:
        """Show it as Codat does, the key included."""
        shown = {"id": self.id, "apiKey": self.key, "createdDate": self.created}
        return shown if self.name is None else {**shown, "name": self.name}


class ApiKeys:
    """The keys that may call the API; the first is the one the sandbox was started with."""

    def __init__(self, first: str, ids: Ids, now: str) -> None:
        self._ids = ids
        made = ApiKey(ids.uuid(), first, now, "sandbox")
        self.held: dict[str, ApiKey] = {made.id: made}

    def create(self, name: str | None, now: str) -> ApiKey:
        """Make a key; raises `Refusal` 400 for a long name, 409 beyond ten."""
        if name is not None and len(name) > MAX_NAME_LENGTH:
            raise bad_request("Max string length (50) for `name` reached.")
        if len(self.held) >= MAX_KEYS:
            raise Refusal(
                409,
                "Maximum number of API keys reached. To create a new API key, delete an unused "
                "key and try again.",
            )
        made = ApiKey(self._ids.uuid(), self._ids.token() + self._ids.token(), now, name)
        self.held[made.id] = made
        return made

    def delete(self, key_id: str) -> None:
        """Take a key away; raises `Refusal` 404, and 403 for the last one."""
        if key_id not in self.held:
            raise not_found(f"API key {key_id}")
        if len(self.held) == 1:
            raise Refusal(403, "The last API key cannot be deleted.")
        del self.held[key_id]

    def accept(self, authorization: str) -> bool:
        """Whether an `Authorization` header carries a key, as base64 of the bare key."""
        given = authorization.encode("latin-1", "replace")
        wanted = (b"Basic " + b64encode(k.key.encode()) for k in self.held.values())
        return any(hmac.compare_digest(given, one) for one in wanted)
