"""What the sandbox's controls can do to a company: what its customer, a platform or Codat does."""

from collections.abc import Callable
from typing import Any

from codat.statuses import ConnectionStatus
from sandbox import refusals
from sandbox.model import Company, Connection
from sandbox.parts import parts, text, world

DEFAULT_PLATFORM = "mqjo"
Asked = dict[str, Any]


def _authorise(company: Company, data: Asked) -> None:
    connection = _pick(company, data, *(s for s in ConnectionStatus if s != "Linked"))
    key = str(data.get("platformKey") or DEFAULT_PLATFORM)
    if connection is None:
        connection = world().create_connection(company.id, key)
    world().authorise(connection.id)


def _refuse(company: Company, data: Asked) -> None:
    connection = _pick(company, data, ConnectionStatus.PENDING_AUTH)
    if connection is None:
        key = str(data.get("platformKey") or DEFAULT_PLATFORM)
        connection = world().create_connection(company.id, key)
    world().refuse(connection.id)


def _relink(company: Company, data: Asked) -> None:
    lost = (ConnectionStatus.DEAUTHORIZED, ConnectionStatus.UNLINKED)
    world().authorise(_need(company, data, *lost).id)


def _deauthorise(company: Company, data: Asked) -> None:
    world().deauthorise(_need(company, data, ConnectionStatus.LINKED).id)


def _unlink(company: Company, data: Asked) -> None:
    world().unlink(_need(company, data, ConnectionStatus.LINKED).id)


def _delete(company: Company, data: Asked) -> None:
    if wanted := data.get("connectionId"):
        world().delete_connection(world().connection(str(wanted), company.id).id)
    else:
        world().delete_company(company.id)


def _rename(company: Company, data: Asked) -> None:
    world().change_company(company.id, {"name": text(data, "name")})


def _info(company: Company, data: Asked) -> None:
    """Let the ledger hold this; company info shows it once data type `company` is read."""
    company.given_info |= data
    if company.info is not None:
        company.info |= data


def _outcome(company: Company, data: Asked) -> None:
    """Let the next reads of a data type end with a status; `Complete` for as usual."""
    company.outcomes[text(data, "dataType")] = text(data, "status")


def _silence(company: Company, data: Asked) -> None:
    company.is_silent = not company.is_silent


def _duplicates(company: Company, data: Asked) -> None:
    parts().post.replay(lambda message: message.company_id == company.id)


ACTS: dict[str, Callable[[Company, Asked], None]] = {
    "authorise": _authorise,
    "refuse": _refuse,
    "deauthorise": _deauthorise,
    "unlink": _unlink,
    "relink": _relink,
    "delete": _delete,
    "rename": _rename,
    "info": _info,
    "outcome": _outcome,
    "silence": _silence,
    "duplicates": _duplicates,
}


def _pick(company: Company, data: Asked, *statuses: ConnectionStatus) -> Connection | None:
    """Find the connection meant: by `connectionId`, else by `platformKey`, else the first fit."""
    if wanted := data.get("connectionId"):
        return world().connection(str(wanted), company.id)
    key = data.get("platformKey")
    return next(
        (
            c
            for c in company.connections.values()
            if c.status in statuses and key in (None, "", c.platform.key)
        ),
        None,
    )


def _need(company: Company, data: Asked, *statuses: ConnectionStatus) -> Connection:
    connection = _pick(company, data, *statuses)
    if connection is None:
        raise refusals.Refusal(409, f"No connection of {company.id} is {' or '.join(statuses)}")
    return connection


def buttons(company: Company) -> list[tuple[str, str]]:
    """Say which buttons make sense for a company."""
    held = {c.status for c in company.connections.values()}
    lost = {ConnectionStatus.DEAUTHORIZED, ConnectionStatus.UNLINKED} & held
    found = []
    if not held or ConnectionStatus.PENDING_AUTH in held:
        found += [("authorise", "Authorise"), ("refuse", "Refuse")]
    if lost:
        found.append(("relink", "Relink"))
    if ConnectionStatus.LINKED in held:
        found += [("deauthorise", "Deauthorise"), ("unlink", "Unlink")]
    found.append(("duplicates", "Send duplicates"))
    found.append(("silence", "Speak again" if company.is_silent else "Go silent"))
    return [*found, ("delete", "Delete")]
