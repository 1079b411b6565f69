"""Keeps what the sandbox holds in a file, so that a restart forgets nothing."""

import os
from collections import deque
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson

from codat.statuses import ConnectionStatus
from sandbox.api.services import Services
from sandbox.config import SandboxConfig
from sandbox.webhooks.messages import Message
from sandbox.world import platforms
from sandbox.world.ids import Ids
from sandbox.world.keys import ApiKey
from sandbox.world.model import Company, Connection, Consumer, Pull, Write
from sandbox.world.sync_settings import SyncSettings
from sandbox.world.world import World

VERSION = 1
# What follows from the rest, or is written apart.
OF_COMPANY = frozenset({"running", "latest", "succeeded", "connections", "sync_settings"})
OF_CONNECTION = frozenset({"platform", "reading"})
State = dict[str, Any]


class BadState(Exception):
    """The file does not hold what a sandbox has kept; `str()` says what to do."""


def load(path: Path | None) -> State | None:
    """Read what was kept; None when nothing was. Raises BadState."""
    if path is None or not path.exists():
        return None
    try:
        state: State = orjson.loads(path.read_bytes())
        if state["version"] != VERSION or not isinstance(state["client_id"], str):
            raise BadState(f"{path} was kept by another version; remove it to begin again.")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadState(f"{path} holds no sandbox's state; remove it to begin again.") from None
    return state


def same_client(config: SandboxConfig, state: State | None) -> SandboxConfig:
    """Return the configuration with the client id that was kept."""
    return replace(config, client_id=state["client_id"]) if state else config


def save(services: Services, path: Path) -> None:
    """Write what the sandbox holds, all or nothing; readable by its owner alone."""
    with services.world.lock:
        written = orjson.dumps(_state(services), default=_plain)
    beside = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(written)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def restore(services: Services, state: State) -> None:
    """Put back what was kept; reads that were under way begin again. Raises BadState."""
    try:
        with services.world.lock:
            _restore(services, state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadState(f"The kept state cannot be read: {error!r}; remove it.") from error


def _state(services: Services) -> State:
    world = services.world
    return {
        "version": VERSION,
        "client_id": services.config.client_id,
        "ahead": services.clock.ahead,
        "ids": world.ids,
        "client_ids": world.publisher.ids,
        "last_stamp": world.publisher.last_stamp,
        "made": world.made,
        "companies": [_company(company) for company in world.companies.values()],
        "consumers": list(world.consumers.values()),
        "rules": list(world.rules.values()),
        "keys": list(world.keys.held.values()),
        "profile": {k: v for k, v in world.profile.items() if k not in ("logoUrl", "iconUrl")},
        "authorization": services.delivery.authorization,
        "settings": world.sync_settings,
        "origins": world.origins,
        "configurations": world.configurations,
        "used": world.quota.used,
        "resets": world.quota.resets,
        "untaken": services.delivery.untaken(),
    }


def _company(company: Company) -> State:
    kept = {f.name: getattr(company, f.name) for f in fields(company) if f.name not in OF_COMPANY}
    kept["sync_settings"] = company.sync_settings
    kept["connections"] = [_connection(one) for one in company.connections.values()]
    return kept


def _connection(connection: Connection) -> State:
    kept = {
        f.name: getattr(connection, f.name)
        for f in fields(connection)
        if f.name not in OF_CONNECTION
    }
    return {**kept, "platform": connection.platform.key}


def _plain(value: object) -> object:
    if isinstance(value, deque):
        return list(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(type(value).__name__)


def _restore(services: Services, state: State) -> None:
    world = services.world
    services.clock.ahead = state["ahead"]
    world.ids = Ids(**state["ids"])
    world.publisher.ids = Ids(**state["client_ids"])
    world.publisher.last_stamp = state["last_stamp"]
    world.made = state["made"]
    world.sync_settings = SyncSettings(**state["settings"])
    for kept in state["companies"]:
        _restore_company(world, kept)
    world.consumers.update({c["id"]: Consumer(**c) for c in state["consumers"]})
    world.rules.update({c["id"]: Consumer(**c) for c in state["rules"]})
    world.keys.held = {k["id"]: ApiKey(**k) for k in state["keys"]}
    world.profile |= state["profile"]
    services.delivery.authorization = state["authorization"]
    world.origins = state["origins"]
    world.configurations = state["configurations"]
    world.quota.used, world.quota.resets = state["used"], state["resets"]
    world.plan(world.companies.values())
    services.delivery.resume(
        [Message(**{**m, "body": m["body"].encode()}) for m in state["untaken"]]
    )


def _restore_company(world: World, kept: State) -> None:
    connections, settings = kept.pop("connections"), kept.pop("sync_settings")
    kept["ids"], kept["ledger"] = Ids(**kept["ids"]), tuple(kept["ledger"])
    pulls, writes = kept.pop("history"), kept.pop("writes")
    company = Company(**kept)
    company.history.extend(Pull(**pull) for pull in pulls)
    company.writes.extend(Write(**write) for write in writes)
    company.sync_settings = SyncSettings(**settings) if settings else None
    for one in connections:
        one["platform"] = platforms.PLATFORMS[one["platform"]]
        one["ids"], one["status"] = Ids(**one["ids"]), ConnectionStatus(one["status"])
        connection = Connection(**one)
        company.connections[connection.id] = world.connections[connection.id] = connection
    world.companies[company.id] = company
    world.count_linked(company)
    _restore_reads(world, company)


def _restore_reads(world: World, company: Company) -> None:
    for pull in company.history:
        company.latest[pull.data_type] = pull
        if pull.final == "Complete":
            company.succeeded[pull.data_type] = pull
    running = [p for p in company.history if p.final is None and p.connection_id in
               company.connections]  # fmt: skip
    for pull in running:
        company.running[pull.connection_id, pull.data_type] = pull
        company.connections[pull.connection_id].reading.add(pull.data_type)
    for is_initial in (True, False):
        if pulls := [p for p in running if p.is_initial is is_initial]:
            world.syncs.take_up(company, pulls, world.clock(), is_initial=is_initial)
