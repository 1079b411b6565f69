"""A customer who walks a journey by plain requests, and a Codat that offers platforms."""

import re
from dataclasses import replace

from codat.records import Company as CodatCompany
from codat.records import Connection, Integration
from relay.companies.company import Connection as HeldConnection
from relay.journeys import rules
from relay.journeys.journey import Consent, Journey, Platform, Step
from relay.times import now_micros
from sandbox.world import platforms, views
from support.parts import company_id, connection_id
from support.portal_bench import make_company

LINK_URL = "https://link-api.codat.io/start?otp=1"


class AtCodat:
    """Codat with the sandbox's platforms, one company, and a connection made on demand."""

    def __init__(self) -> None:
        self.link_url: str | None = LINK_URL
        self.connections: tuple[Connection, ...] = ()
        self.asked: list[str] = []
        self.failing: Exception | None = None

    def _ask(self, operation):
        self.asked.append(operation)
        if self.failing:
            raise self.failing

    def list_integrations(self):
        self._ask("list_integrations")
        shown = (views.integration(p, "https://static") for p in platforms.PLATFORMS.values())
        return iter([Integration.from_json(one) for one in shown])

    def download_logo(self, integration):
        self._ask("download_logo")
        return "image/png; charset=x", b"\x89PNG"

    def create_company(self, name, **given):
        self._ask("create_company")
        return CodatCompany(company_id(1), name, redirect="https://link.codat.io/company/1")

    def get_company(self, company):
        self._ask("get_company")
        return CodatCompany(company, "x", connections=self.connections)

    def get_connection(self, company, connection):
        self._ask("get_connection")
        return next(one for one in self.connections if one.id == connection)

    def unlink_connection(self, company, connection):
        self._ask("unlink_connection")
        self.connections = ()

    def create_connection(self, company, key):
        self._ask("create_connection")
        made = Connection(connection_id(1), "PendingAuth", platform_key=key, link_url=self.link_url)
        self.connections = (made,)
        return made


def invite(portal, **body):
    answer = portal.post("/v1/journeys", json={"reference": "L-1", **body})
    assert answer.status_code == 201, answer.text
    made = answer.json
    return made, "/link/" + made["link"].rpartition("/")[2]


def agreed(portal, at, key="gbol"):
    """Choose and agree; gives the answer to the agreement."""
    portal.web.post(f"{at}/platform", data={"platform": key})
    version = re.search(r'name="version" value="(\w+)"', portal.web.get(at).text)[1]
    return portal.web.post(f"{at}/consent", data={"agree": "yes", "version": version})


def steps(portal, made):
    shown = portal.get(f"/v1/journeys/{made['id']}").json
    return [one["type"].removeprefix("journey.") for one in shown["steps"]]


def waited(portal, made, seconds):
    """Let the customer have been sent so long ago."""
    portal.store.journeys.change(
        made["id"], lambda held: rules.Change(replace(held, sent=held.sent - seconds * 1000))
    )


def refuse(portal, code, message):
    """Let Codat tell that linking failed."""
    company = make_company(1, "")
    at = (now_micros() + 1_000_000, "e-9")
    failed = HeldConnection(connection_id(1), "PendingAuth", at, "gbol", "Xero", "Accounting",
                        errors=(message,), code=code)  # fmt: skip
    portal.hold(replace(company, connections={failed.id: failed}))


T0 = 1_800_000_000_000  # ms
XERO = Platform("gbol", "Xero", "Accounting")
CONSENT = Consent(T0, "v1", "en", "gbol", ("company", "invoices", "bills"), "daily", ("I agree",))
NEW = Journey("j-1", "c-1", created=T0, expires=T0 + 10**9, by="olga")


def sent(platform=XERO, **changes):
    journey = replace(
        NEW,
        platform=platform,
        step=Step.AUTHORISING,
        connection_id="k-1",
        sent=T0,
        consents=(CONSENT,),
    )
    return replace(journey, **changes)
