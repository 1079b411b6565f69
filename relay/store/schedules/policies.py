"""The policy in force: the file's, else the one set through the API, else the setting's word."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis import Redis

from relay.settings import Settings
from relay.store import keys
from relay.syncs.policy import Policy


class Origin(StrEnum):
    """Where the policy in force is from."""

    FILE = "file"
    API = "api"
    SETTING = "setting"


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force and where it is from."""

    policy: Policy
    origin: Origin


class Policies:
    """The policy of one store."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # redis-py types each answer as a union of all it may be

    def in_force(self, settings: Settings) -> InForce:
        """Return the policy in force; raises BadPolicy when the file went bad."""
        if settings.relay_policy_file is not None:
            return InForce(Policy.from_file(settings.relay_policy_file), Origin.FILE)
        raw: bytes | None = self._client.get(keys.POLICY)
        if raw:
            return InForce(Policy.model_validate_json(raw), Origin.API)
        return InForce(Policy.of_cadence(settings.relay_default_cadence), Origin.SETTING)

    def put(self, policy: Policy) -> None:
        """Set the policy."""
        self._client.set(keys.POLICY, policy.model_dump_json(exclude_defaults=True))

    def clear(self) -> None:
        """Go back to the setting's word."""
        self._client.delete(keys.POLICY)
