"""The whole service on this machine: what is made before it starts, and what is looked after."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from cli.addresses import local, session_for
from cli.data_dir import DataDir, refuse_unprovable
from cli.faults import CannotStart, Failed
from cli.runner.embedded import EmbeddedServer, make_private
from cli.runner.ports import is_listening, refuse_taken
from cli.runner.processes import CODAT_WORKER, PROCESSES, SANDBOX, Process
from cli.runner.restarts import Restarts
from relay.settings import Settings

LOG_POLL_SECONDS = 60.0  # seconds between looks at how large the server's log is
POLL_SECONDS = 0.3  # seconds between looks whether all is ready
REPORT_AFTER = 30.0  # seconds of not being ready before we say what is missing
DISK_FULL_POLL_SECONDS = 2.0  # seconds, while the disk is full
ANSWER_TIMEOUT = 1.0


def check_ports(settings: Settings) -> None:
    """Raise CannotStart, before anything is started, when a port we need is taken."""
    if settings.port == 0:
        raise CannotStart("PORT is 0, but customers and Codat must know it: set a number above 0.")
    if settings.uses_sandbox and settings.sandbox_at == settings.port:
        raise CannotStart("SANDBOX_PORT and PORT are the same; set them apart.")
    refuse_taken(settings.host, settings.port, "PORT")
    if settings.uses_sandbox:
        refuse_taken("127.0.0.1", settings.sandbox_at, "SANDBOX_PORT")


def processes(settings: Settings) -> list[Process]:
    """Return the processes to run: the Procfile's, and the sandbox when no Codat key is set."""
    return [*PROCESSES, *([SANDBOX] if settings.uses_sandbox else [])]


def may_start(settings: Settings, process: Process) -> bool:
    """Whether a process can do its work now: the one that calls Codat waits for the sandbox."""
    if process is not CODAT_WORKER or not settings.uses_sandbox:
        return True
    return is_listening("127.0.0.1", settings.sandbox_at)


def make_secrets(settings: Settings, data_dir: DataDir) -> dict[str, str]:
    """Return what the processes need in their environment besides ours; make missing secrets."""
    made = {}
    if settings.uses_sandbox and not settings.codat_webhook_secrets:
        make_private(data_dir.path)
        made["CODAT_WEBHOOK_SECRETS"] = data_dir.make_webhook_secret()
    else:
        refuse_unprovable(settings)
    return made


@dataclass
class Supervisor:
    """Keeps the embedded server running, and announces the moment when all is ready."""

    settings: Settings
    server: EmbeddedServer | None
    say: Callable[[str], None]
    announce: Callable[[], None]

    def __post_init__(self) -> None:
        """Begin."""
        self.restarts = Restarts()
        self._server_started = self._began = time.monotonic()
        self._launch_at: float | None = None
        self._turn_over_at = self._began
        self._look_at = self._began
        self._announced = self._said = self._is_down = False

    def __call__(self) -> None:
        """Look once; raises Failed when the server keeps ending and it is not for want of room."""
        now = time.monotonic()
        if self.server is not None:
            self._keep(self.server, now)
        if not self._announced and now >= self._look_at:
            self._look(now)

    def _keep(self, server: EmbeddedServer, now: float) -> None:
        if self._launch_at is not None:
            if now >= self._launch_at:
                self._launch(server)
        elif not server.is_alive():
            self._plan_restart(server, now)
        elif now >= self._turn_over_at:
            server.turn_over_log()
            self._turn_over_at = now + LOG_POLL_SECONDS

    def _launch(self, server: EmbeddedServer) -> None:
        if not server.has_room():  # it would end at once
            self._launch_at = time.monotonic() + DISK_FULL_POLL_SECONDS
            return
        self._launch_at = None
        self._server_started = time.monotonic()
        try:
            server.launch()
        except (CannotStart, OSError):  # why, is said with the next try
            self._plan_restart(server, time.monotonic())
        else:
            if self._is_down:
                self.say("the embedded server is back")
            self._is_down = False

    def _plan_restart(self, server: EmbeddedServer, now: float) -> None:
        lack = server.lacks_room()
        # A full disk is no fault of the server: it is tried again for as long as that lasts.
        pause = self.restarts.pause_after_death(self._server_started, now, excused=lack is not None)
        if pause is None:
            raise Failed(f"The embedded server keeps ending; see {server.log}.")
        why = f": nothing can be written to {server.data_dir} ({lack})" if lack else ""
        until = "; until there is room, webhooks are answered 503" if lack else ""
        self.say(f"the embedded server ended{why}; it is started again in {pause:.0f} s{until}")
        self._is_down = True
        self._launch_at = now + pause

    def _look(self, now: float) -> None:
        missing = self._missing()
        if missing is None:
            self._announced = True
            self.announce()
        elif now - self._began > REPORT_AFTER and not self._said:
            self._said = True
            self.say(f"not ready yet: {missing}")
        self._look_at = time.monotonic() + POLL_SECONDS

    def _missing(self) -> str | None:
        wanted = [f"{local(self.settings)}/readyz"]
        if self.settings.uses_sandbox:
            wanted.append(f"{self.settings.api_url}/sandbox/state")
        for address in wanted:
            try:
                answer = session_for(address).get(address, timeout=ANSWER_TIMEOUT)
            except requests.RequestException:
                return f"{address} does not answer"
            if not answer.ok:
                return f"{address} answers {answer.status_code} {answer.text[:200]}"
        return None
