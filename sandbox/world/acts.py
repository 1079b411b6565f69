"""What can be done to a company: what its customer, its platform or a person at Codat does."""

from collections.abc import Callable
from typing import Any

from codat.statuses import ConnectionStatus
from sandbox.webhooks.delivery import WebhookDelivery
from sandbox.world import refusals, writes
from sandbox.world.model import Company, Connection
from sandbox.world.world import World

DEFAULT_PLATFORM = "mqjo"
LOST = (ConnectionStatus.DEAUTHORIZED, ConnectionStatus.UNLINKED)
Asked = dict[str, Any]


class Acts:
    """The acts by name; each takes a company and what was asked besides."""

    def __init__(self, world: World, delivery: WebhookDelivery) -> None:
        self._world, self._delivery = world, delivery
        self._by_name: dict[str, Callable[[Company, Asked], object]] = {
            "choose": self._choose,
            "authorise": self._authorise,
            "refuse": self._refuse,
            "fail": self._fail,
            "deauthorise": self._deauthorise,
            "unlink": self._unlink,
            "relink": self._relink,
            "delete": self._delete,
            "rename": self._rename,
            "info": self._info,
            "outcome": self._outcome,
            "machine": self._machine,
            "write": self._write,
            "silence": self._silence,
            "duplicates": self._duplicates,
        }

    def do(self, act: str, company: Company, asked: Asked) -> None:
        """Do an act; raises `Refusal` 404 for one that is not known, 409 where it does not fit."""
        if act not in self._by_name:
            raise refusals.not_found(f"Action {act}")
        with self._world.lock:
            self._by_name[act](company, asked)

    def _choose(self, company: Company, asked: Asked) -> Connection:
        """Choose a platform: its connection then waits for the customer's consent."""
        key = str(asked.get("platformKey") or DEFAULT_PLATFORM)
        return self._world.create_connection(company.id, key)

    def _authorise(self, company: Company, asked: Asked) -> None:
        not_linked = [s for s in ConnectionStatus if s is not ConnectionStatus.LINKED]
        connection = self._pick_or_make(company, asked, *not_linked)
        self._world.authorise(
            connection.id,
            is_on=_is_yes(asked.get("machineOn", True)),
            is_one_time=_is_yes(asked.get("oneTime", False)),
        )

    def _refuse(self, company: Company, asked: Asked) -> None:
        pending = ConnectionStatus.PENDING_AUTH
        self._world.refuse(self._pick_or_make(company, asked, pending).id)

    def _fail(self, company: Company, asked: Asked) -> None:
        pending = ConnectionStatus.PENDING_AUTH
        self._world.fail(self._pick_or_make(company, asked, pending).id)

    def _relink(self, company: Company, asked: Asked) -> None:
        self._world.authorise(self._need(company, asked, *LOST).id)

    def _deauthorise(self, company: Company, asked: Asked) -> None:
        self._world.deauthorise(self._need(company, asked, ConnectionStatus.LINKED).id)

    def _unlink(self, company: Company, asked: Asked) -> None:
        self._world.unlink(self._need(company, asked, ConnectionStatus.LINKED).id)

    def _delete(self, company: Company, asked: Asked) -> None:
        if wanted := asked.get("connectionId"):
            self._world.delete_connection(self._world.connection(str(wanted), company.id).id)
        else:
            self._world.delete_company(company.id)

    def _rename(self, company: Company, asked: Asked) -> None:
        self._world.change_company(company.id, {"name": _text(asked, "name")})

    def _info(self, company: Company, asked: Asked) -> None:
        """Let the ledger hold this; company info shows it once data type `company` is read."""
        company.given_info |= asked
        if company.info is not None:
            company.info |= asked

    def _outcome(self, company: Company, asked: Asked) -> None:
        """Let the next reads of a data type end with a status; `Complete` for as usual."""
        company.outcomes[_text(asked, "dataType")] = _text(asked, "status")

    def _machine(self, company: Company, asked: Asked) -> None:
        """Switch the machine of an on-premise platform on, or off."""
        fit = [c for c in company.linked() if c.platform.is_offline]
        if not fit:
            raise refusals.Refusal(409, f"No platform of {company.id} runs on a machine")
        is_on = _is_yes(asked.get("on", not fit[0].is_on))
        for connection in fit:
            self._world.switch(connection.id, is_on=is_on)

    def _write(self, company: Company, asked: Asked) -> None:
        """Let the client write to the platform."""
        writes.write(
            self._world,
            company,
            str(asked.get("dataType") or "invoices"),
            str(asked.get("type") or "Create"),
            str(asked.get("status") or "Success"),
        )

    def _silence(self, company: Company, asked: Asked) -> None:
        company.is_silent = not company.is_silent

    def _duplicates(self, company: Company, asked: Asked) -> None:
        self._delivery.replay(lambda message: message.company_id == company.id)

    def _pick_or_make(
        self, company: Company, asked: Asked, *statuses: ConnectionStatus
    ) -> Connection:
        if found := self._pick(company, asked, *statuses):
            return found
        return self._choose(company, asked)

    def _pick(
        self, company: Company, asked: Asked, *statuses: ConnectionStatus
    ) -> Connection | None:
        """Find the connection meant: by `connectionId`, by `platformKey`, else the first fit."""
        if wanted := asked.get("connectionId"):
            return self._world.connection(str(wanted), company.id)
        key = asked.get("platformKey")
        return next(
            (
                c
                for c in company.connections.values()
                if c.status in statuses and key in (None, "", c.platform.key)
            ),
            None,
        )

    def _need(self, company: Company, asked: Asked, *statuses: ConnectionStatus) -> Connection:
        connection = self._pick(company, asked, *statuses)
        if connection is None:
            raise refusals.Refusal(409, f"No connection of {company.id} is {' or '.join(statuses)}")
        return connection


def buttons(company: Company) -> list[tuple[str, str]]:
    """Return which buttons make sense for a company."""
    held = {c.status for c in company.connections.values()}
    machines = [c for c in company.linked() if c.platform.is_offline]
    found = []
    if not held or ConnectionStatus.PENDING_AUTH in held:
        found += [("authorise", "Authorise"), ("refuse", "Refuse"), ("fail", "Fail")]
    if set(LOST) & held:
        found.append(("relink", "Relink"))
    if ConnectionStatus.LINKED in held:
        found += [("deauthorise", "Deauthorise"), ("unlink", "Unlink"), ("write", "Write")]
    if machines:
        label = "Switch machine off" if machines[0].is_on else "Switch machine on"
        found.append(("machine", label))
    found.append(("duplicates", "Send duplicates"))
    found.append(("silence", "Speak again" if company.is_silent else "Go silent"))
    return [*found, ("delete", "Delete")]


def _text(asked: Asked, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value.strip():
        raise refusals.bad_request(f"Error processing request - {name} is required.")
    return value


def _is_yes(value: object) -> bool:
    return value in (True, 1, "true", "on", "yes", "1")
