"""How a sandbox is started: its address, secrets, limits and speed."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import uuid4


class WebhookGeneration(StrEnum):
    """Which of Codat's two webhook services the sandbox plays."""

    CURRENT = "current"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How the sandbox behaves; times in seconds.

    `time_scale` divides Codat's waits (between delivery attempts and scheduled syncs, and how long
    an idempotency key holds): 100 makes 3 seconds of 5 minutes.
    `sync_seconds` is how long one data set takes; 0 completes it at once.
    `quota_day` is how long the daily quota lasts, from one full multiple of it to the next.
    `daily_quota` None follows Codat's own formula; `minute_quota` and `concurrent_calls` (at once
    for one linked company) None set no limit. An endpoint that fails for `disable_seconds` is
    disabled. The businesses follow `seed`; ids do too where `has_fixed_ids`, else no two sandboxes
    share one. `state_file` keeps what the sandbox holds from one start to the next.
    """

    webhook_secret: str = field(repr=False)
    webhook_url: str | None = None
    api_key: str = field(default="sandbox", repr=False)
    legacy_authorization: str | None = field(default=None, repr=False)
    webhook_generation: WebhookGeneration = WebhookGeneration.CURRENT
    host: str = "127.0.0.1"
    port: int = 8001
    public_url: str | None = None
    seed: int = 1
    sync_seconds: float = 0.3
    time_scale: float = 1.0
    daily_quota: int | None = None
    quota_day: float = 86_400.0
    minute_quota: int | None = None
    concurrent_calls: int | None = 10
    disable_seconds: float = 5 * 86_400.0
    is_free_plan: bool = False
    has_fixed_ids: bool = False
    state_file: Path | None = None
    delivery_threads: int = 8
    server_threads: int = 512
    client_id: str = field(default_factory=lambda: str(uuid4()))
    client_name: str = "Sandbox client"
    redirect_url: str = ""  # where customers go after linking (Codat: set-up-redirects)
