"""The whole service with the customer's pages, and the firm that invites customers to them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from portal.app import create_app
from relay.store import Store
from support.relays import PATIENCE, App, Relay, receiver_only
from support.relays import running as relay_running
from workers.context import Context

TOKEN = "operator-operator-operator"
RETURN = "/link/return?companyId={companyId}&statusCode={statusCode}&journey={journey}"


@dataclass
class Firm(Relay):
    """A firm's view of the running service, and the levers of the sandbox."""

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.request(
            method,
            self.url + path,
            json=body if method == "POST" else None,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=PATIENCE,
        )
        assert answer.ok, answer.text
        return dict(answer.json())

    def invite(self, **body: Any) -> dict[str, Any]:
        return self.ask("POST", "/v1/journeys", **body)

    def journey(self, journey: dict[str, Any]) -> dict[str, Any]:
        return self.ask("GET", f"/v1/journeys/{journey['id']}")

    def data(self, company_id: str, wanted: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.told(company_id) if kind == wanted]


def whole(context: Context) -> App:
    """Webhooks to the receiver, all else to the portal."""
    receiver = receiver_only(context)
    portal = create_app(context.settings, context.store, context.hints, context.codat)

    def divided(environ: dict[str, Any], respond: Any) -> Any:
        chosen = receiver if environ["PATH_INFO"].startswith("/webhooks/") else portal
        return chosen(environ, respond)

    return divided


@contextmanager
def firm(store: Store, make_settings: Callable[..., Any], **more: Any) -> Iterator[Firm]:
    """Run receiver, portal, workers and the sandbox for a while."""
    tokens = f"olga:operate:{TOKEN}"
    with relay_running(Firm, store, make_settings, whole, relay_tokens=tokens, **more) as started:
        started.sandbox.world.profile["redirectUrl"] = started.url + RETURN
        yield started
