"""Start everything on this machine, with a server of its own if need be."""

import os
import shlex
import shutil
import sys
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from redis.exceptions import RedisError
from rich.console import Console

from cli.addresses import local
from cli.data_dir import DataDir, check_brand, unread_names
from cli.faults import FAILED, INTERRUPTED, CannotStart
from cli.interrupts import StoppedEarly, StopSignals
from cli.runner import embedded
from cli.runner.embedded import EmbeddedServer
from cli.runner.lines import Lines
from cli.runner.local import Supervisor, check_ports, make_secrets, may_start, processes
from cli.runner.processes import SANDBOX, Process
from cli.runner.runner import Runner
from cli.tokens import Operator, keep_operator
from relay.masking import without_secrets
from relay.settings import Settings
from relay.store import Store
from relay.witness import Loss, Witness

ORDER = 10
NAME = "codat-relay"
SANDBOX_STATE = "sandbox.json"
BREAKING = set('"$`\\\n')


@click.command()
def up() -> None:
    """Start the web process, the workers, the scheduler and what they need.

    Without REDIS_URL a server is started on RELAY_DATA_DIR; without a Codat key the sandbox stands
    in for Codat. At first start an operator token is made and kept in a file of the data directory;
    on a terminal it is shown once. A process that dies is started again; one that keeps dying stops
    everything.
    """
    console = Console()
    try:
        with StopSignals() as signals:
            done = _run(console, signals)
    except StoppedEarly:
        console.print("Stopped before everything was started.")
        sys.exit(INTERRUPTED)
    if not done:
        sys.exit(FAILED)
    console.print("Stopped.")


def _run(console: Console, signals: StopSignals) -> bool:
    """Start everything; run until stopped (True), or until a process died too often (False)."""
    settings = Settings.from_env()
    data_dir = DataDir(settings.relay_data_dir)
    unread = unread_names()
    for why in unread.values():
        console.print(f"Warning: {why}.", style="yellow", soft_wrap=True, markup=False)
    check_brand(settings)  # what it lacks, the web process says
    check_ports(settings)
    made = make_secrets(settings, data_dir)
    with ExitStack() as stack:
        server = None
        if settings.redis_url is None:
            server = stack.enter_context(embedded.start(settings.relay_data_dir))
            made["REDIS_URL"] = server.url
            settings = settings.model_copy(update={"redis_url": server.url})
        token, loss = _open(settings, data_dir, server)
        say_loss(console, loss)
        wanted = [_remembering(process, data_dir) for process in processes(settings)]
        lines = Lines(console, [process.name for process in wanted])
        supervisor = Supervisor(
            settings, server, lines.say, lambda: announce(console, settings, token, loss)
        )
        # Handed on to the processes, which read it by their own settings.
        environment = {**_inherited(unread), **made}
        ours = server.pids if server else tuple
        runner = Runner(
            wanted,
            environment,
            lines,
            supervisor,
            also_ours=ours,
            may_start=partial(may_start, settings),
        )
        signals.then(runner.stop)
        return runner.run()


def _open(
    settings: Settings, data_dir: DataDir, server: EmbeddedServer | None
) -> tuple[Operator, Loss | None]:
    """Look whether the store can be used and holds what was known; see to the operator token.

    Raises CannotStart when the server we started ended over it, as on a full disk.
    """
    try:
        store = Store.open(settings)
        assert settings.redis_url is not None
        loss = Witness(settings.relay_data_dir, settings.redis_url).look(store)
        token = keep_operator(settings, store, data_dir, owns_store=server is not None)
        store.client.close()
    except RedisError:
        if server is None or server.is_alive():
            raise
        raise CannotStart(f"The embedded server ended at once: {server.why_down()}") from None
    return token, loss


def _inherited(unread: Collection[str]) -> dict[str, str]:
    """Return the environment for the processes, without names that are not read.

    They must not import what lies in the folder we were started in, be it called `redis` or `json`.
    """
    kept = {name: value for name, value in os.environ.items() if name not in unread}
    if path := kept.pop("PYTHONPATH", ""):  # an empty part of it means the present folder
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, path.split(os.pathsep)))
    return {**kept, "PYTHONSAFEPATH": "1"}


def _remembering(process: Process, data_dir: DataDir) -> Process:
    """Let the sandbox keep its companies over a restart, as the relay keeps what it knows."""
    if process is not SANDBOX:
        return process
    state = str((data_dir.path / SANDBOX_STATE).absolute())
    return replace(process, arguments=(*process.arguments, "--state", state))


def say_loss(console: Console, loss: Loss | None) -> None:
    """Warn that data is missing, if any is."""
    if loss is not None:
        console.print(f"WARNING: {loss}.", style="bold red", soft_wrap=True, markup=False)


def announce(
    console: Console, settings: Settings, token: Operator, loss: Loss | None = None
) -> None:
    """Print where everything is and what to try next."""
    at = local(settings)
    rows = [("Portal", f"{at}/"), ("API", f"{at}/docs"), ("Webhooks", f"{at}/webhooks/codat")]
    if settings.uses_sandbox:
        rows.append(("Sandbox", f"{without_secrets(settings.api_url)}/sandbox/"))
    else:
        rows.append(("Codat", without_secrets(settings.api_url)))
    if settings.redis_url:
        rows.append(("Server", without_secrets(settings.redis_url)))
    text = ["", "codat-relay is up.", *(f"  {name:<9} {where}" for name, where in rows), ""]
    if settings.uses_sandbox:
        text += [
            "The sandbox stands in for Codat, as no CODAT_API_KEY is set: no company here is real.",
            "",
        ]
    text += [*_about_token(settings, token), "", "Try next, in another terminal:"]
    if settings.uses_sandbox:
        text.append(f"  {_call()} demo")
    bearer = f"$(cat {shlex.quote(str(token.file))})" if token.file else "<token>"
    text += [
        f'  curl -H "Authorization: Bearer {bearer}" {at}/v1/companies',
        "",
        "Ctrl-C stops everything.",
        "",
    ]
    console.print("\n".join(text), soft_wrap=True, highlight=False, markup=False)
    say_loss(console, loss)


def _about_token(settings: Settings, token: Operator) -> list[str]:
    if settings.relay_tokens:
        names = dict.fromkeys(one.get_secret_value().split(":")[0] for one in settings.relay_tokens)
        return [f"Only the tokens of RELAY_TOKENS are valid: {', '.join(names)}."]
    if token.file is None:
        return [
            "The tokens were made elsewhere: `codat-relay token list` shows them, and `codat-relay"
            " token rotate operator` replaces the operator's."
        ]
    said = [f"The operator token is kept in {token.file}"]
    if token.made is not None:
        said = [f"{token.why} A new operator token is kept in {token.file}".strip()]
        if sys.stdout.isatty():  # elsewhere what we print is a service's log, which many may read
            said += [f"  {token.made}"]
    return said


def _call() -> str:
    """Return what to type to call us again: the bare name if the shell would find it."""
    if shutil.which(NAME):
        return NAME
    script = Path(sys.executable).with_name(NAME)
    at = Path(os.path.relpath(script)) if script.is_relative_to(Path.cwd()) else script
    if set(str(script)) & BREAKING:  # pip's scripts name the interpreter within a shell's quotes
        return f"{shlex.quote(str(at.with_name(Path(sys.executable).name)))} -P -m cli"
    return shlex.quote(str(at))
