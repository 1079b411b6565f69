"""The command line against a served portal, and one with three companies."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from cli.app import main
from support.parts import company_id
from support.portal_bench import OPERATOR, Portal, make_company

Run = Callable[..., Result]


@contextmanager
def commands(portal: Portal) -> Iterator[Run]:
    """Give what runs the words of a command as an operator of this portal."""
    server = make_server("127.0.0.1", 0, portal.app, threaded=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    options = ("--url", f"http://127.0.0.1:{server.server_port}", "--token", OPERATOR)
    try:
        yield lambda *words, **more: CliRunner().invoke(main, [*words, *options], **more)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def portal() -> Portal:
    """Holds two linked companies and an unlinked one."""
    portal = Portal()
    portal.hold(make_company(1), make_company(2), make_company(3, "Unlinked"))
    return portal


@pytest.fixture
def run(portal: Portal, tmp_path, monkeypatch) -> Iterator[Run]:
    """Runs the words of a command at the portal, from an empty folder."""
    monkeypatch.chdir(tmp_path)
    with commands(portal) as command:
        yield command


def schedule_of(portal: Portal, number: int, data_type: str = "invoices"):
    return portal.store.schedules.of(company_id(number)).get(data_type)
