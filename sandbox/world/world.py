"""The sandbox's Codat in memory: companies, connections and what happens to them.

Every public method takes the one lock, so any thread may call it. Each change is an `Event`
handed to `publish`, in order. No input or output happens here.
"""

import threading
import time
from collections.abc import Callable, Iterable
from secrets import token_hex
from typing import Any

from codat.records import kept_by_codat
from codat.statuses import ConnectionStatus
from sandbox.config import SandboxConfig
from sandbox.world import platforms, refusals
from sandbox.world.businesses import company_info
from sandbox.world.events import Event
from sandbox.world.ids import Ids
from sandbox.world.keys import ApiKeys
from sandbox.world.model import Company, Connection, Consumer, Pull
from sandbox.world.moments import iso
from sandbox.world.publishing import Publisher
from sandbox.world.quota import Quota, QuotaUse
from sandbox.world.sync_settings import SyncSettings
from sandbox.world.syncs import Reading, Syncs
from sandbox.world.timetable import Timetable

CANCELLED = ("403", "User cancelled linking", "User cancelled")
BROKEN = ("500", "Internal Server Error", "The platform could not be reached.")
SECOND = "A company can have one active accounting connection, and has one."
FREE_COMPANIES = 50  # Codat: using-the-api/errors, 402
REVOKED = ("401", *("The integration de-authorized access to the connection.",) * 2)


class World:
    """All that one Codat client holds."""

    def __init__(
        self,
        config: SandboxConfig,
        publish: Callable[[Event], None] = lambda event: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.clock = clock
        self.base_url = config.public_url or f"http://{config.host}:{config.port}"
        self.ids = Ids(f"seed {config.seed}" if config.has_fixed_ids else token_hex(16))
        self.publisher = Publisher(publish, clock, self.ids.branch("client"))
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.companies: dict[str, Company] = {}
        self.connections: dict[str, Connection] = {}
        self.consumers: dict[str, Consumer] = {}
        self.rules: dict[str, Consumer] = {}
        self.keys = ApiKeys(config.api_key, self.ids.branch("keys"), iso(clock()))
        self.origins: list[str] = []
        self.configurations: dict[str, dict[str, Any]] = {}  # by the path they were put to
        self.is_free_plan = config.is_free_plan
        self.profile: dict[str, Any] = {
            "name": config.client_name,
            "redirectUrl": config.redirect_url,
        }
        self.sync_settings = SyncSettings()
        self.quota = Quota(config.daily_quota, config.minute_quota, config.quota_day)
        self.syncs = Syncs(config.sync_seconds, self._read_finished)
        self.timetable = Timetable(config.time_scale)
        self._linked: set[str] = set()
        self.made = 0
        self.serve_at(self.base_url)

    def serve_at(self, base_url: str) -> None:
        """Set the address that links start with; known only once a port is taken."""
        self.base_url = self.publisher.base_url = base_url
        logo = f"{base_url}/logos/mqjo.svg"
        self.profile |= {"logoUrl": logo, "iconUrl": logo, "whiteListUrls": [base_url]}

    # Companies

    def create_company(
        self,
        name: str,
        description: str = "",
        tags: dict[str, str] | None = None,
        platform_key: str | None = None,
        *,
        ids: Ids | None = None,
        ledger: tuple[int, int] | None = None,
    ) -> Company:
        """Make a company; the older way (`platform_key`) makes its connection in the same call.

        `ids` and `ledger` (a seed and an ordinal) decide its ids and what its ledger holds, so
        that a scenario can be repeated exactly.
        """
        clean = kept_by_codat(name)
        if not clean:
            raise refusals.bad_request("CompanyValidationException: Name must not be empty")
        platform = self._platform(platform_key) if platform_key else None
        with self.lock:
            now = self.clock()
            if self.is_free_plan and len(self.companies) >= FREE_COMPANIES:
                raise refusals.free_plan_is_full()
            if ids is None:
                self.made += 1
                ids = self.ids.branch(self.made)
            company = Company(
                ids.uuid(),
                clean,
                iso(now),
                ids,
                ledger or (self.config.seed, self.made),
                description or "",
                dict(tags or {}),
            )
            if company.id in self.companies:
                raise refusals.Refusal(409, "This story was played with this seed before")
            company.is_classic = platform is not None
            self.companies[company.id] = company
            self.publisher.company("company.created", company)
            if platform:
                self.create_connection(company.id, platform.key)
            return company

    def company(self, company_id: str) -> Company:
        """Find a company; raises `Refusal` 404."""
        company = self.companies.get(company_id.lower())
        if company is None:
            raise refusals.no_company(company_id)
        return company

    def change_company(self, company_id: str, changes: dict[str, Any]) -> Company:
        """Set the name, description and tags that `changes` names; what it leaves out is kept."""
        with self.lock:
            company = self.company(company_id)
            if "name" in changes:
                name = kept_by_codat(str(changes["name"] or ""))
                if not name:
                    raise refusals.bad_request("CompanyValidationException: Name must not be empty")
                company.name = name
            if "description" in changes:
                company.description = str(changes["description"] or "")
            if "tags" in changes:
                company.tags = dict(changes["tags"] or {})
            return company

    def delete_company(self, company_id: str) -> None:
        """Remove a company with its connections and data, for good."""
        with self.lock:
            company = self.company(company_id)
            del self.companies[company.id]
            self._linked.discard(company.id)
            for connection in company.connections.values():
                del self.connections[connection.id]
            for pull in company.running.values():
                pull.final = "Cancelled"
            self.publisher.company("company.deleted", company)

    # Connections

    def create_connection(self, company_id: str, platform_key: str) -> Connection:
        """Make a connection that waits for its customer (`PendingAuth`)."""
        platform = self._platform(platform_key)
        with self.lock:
            now = self.clock()
            company = self.company(company_id)
            connection = Connection(
                company.ids.uuid(), company.id, platform, iso(now), company.ids.branch("links")
            )
            connection.ids.root += f"/{len(company.connections)}"
            company.connections[connection.id] = self.connections[connection.id] = connection
            self.publisher.connection("connection.created", company, connection)
            return connection

    def connection(self, connection_id: str, company_id: str | None = None) -> Connection:
        """Find a connection (of that company); raises `Refusal` 404."""
        connection = self.connections.get(connection_id.lower())
        if connection is None or company_id not in (None, connection.company_id):
            raise refusals.no_connection(connection_id)
        return connection

    def authorise(
        self, connection_id: str, *, is_on: bool = True, is_one_time: bool = False
    ) -> Connection:
        """Do what a customer's consent does: link, and let Codat start the first reads itself.

        On premise the reads wait for the machine to be on. A one-time connector is removed
        after them.
        """
        with self.lock:
            now = self.clock()
            connection = self.connection(connection_id)
            if connection.status is ConnectionStatus.LINKED:
                raise refusals.Refusal(409, f"Data connection {connection.id} is already linked")
            if self.is_one_too_many(connection):
                raise refusals.Refusal(409, SECOND)
            for error in connection.errors:
                error.update(status="Resolved", resolvedOnUtc=iso(now))
            again = connection.was_linked
            old = self._set_status(connection, ConnectionStatus.LINKED)
            connection.linked_at = now
            connection.is_on = is_on or not connection.platform.is_offline
            connection.is_one_time = is_one_time and connection.platform.is_offline
            connection.renew_otp(now)
            kind = "connection.reconnected" if again else "connection.connected"
            company = self.company(connection.company_id)
            self.publisher.connection(kind, company, connection, old)
            settings = self.settings_of(company)
            wanted = [
                (connection, name)
                for name in connection.platform.data_types
                if settings.fetches_on_first_link(name)
            ]
            self._started(self.syncs.start(company, wanted, now, is_initial=True), now)
            self.timetable.plan(connection, settings)
            return connection

    def is_one_too_many(self, connection: Connection) -> bool:
        """Whether it would be a company's second active accounting one (Codat: connections)."""
        linked = self.company(connection.company_id).linked()
        books = [c for c in linked if c.platform.source_type == "Accounting"]
        return connection.platform.source_type == "Accounting" and bool(books)

    def switch(self, connection_id: str, *, is_on: bool) -> Connection:
        """Switch the machine of an on-premise platform on or off; on, what waited is read."""
        with self.lock:
            now = self.clock()
            connection = self.connection(connection_id)
            if not connection.platform.is_offline:
                raise refusals.bad_request(f"{connection.platform.name} runs on no machine")
            connection.is_on = is_on
            if is_on:
                self.syncs.release(connection, now)
                self._started([], now)
            return connection

    def refuse(self, connection_id: str) -> Connection:
        """Do what a customer's "no" does: the connection stays pending, with an error."""
        return self._not_linked(connection_id, CANCELLED)

    def fail(self, connection_id: str, error: tuple[str, str, str] = BROKEN) -> Connection:
        """Let linking fail at the platform: the connection stays as it was, with an error."""
        return self._not_linked(connection_id, error)

    def _not_linked(self, connection_id: str, error: tuple[str, str, str]) -> Connection:
        with self.lock:
            connection = self.connection(connection_id)
            self._add_error(connection, error)
            connection.renew_otp(self.clock())
            company = self.company(connection.company_id)
            self.publisher.connection("connection.failed", company, connection)
            return connection

    def deauthorise(self, connection_id: str) -> Connection:
        """Take access away at the source, as an expired or revoked token does."""
        return self._disconnect(connection_id, ConnectionStatus.DEAUTHORIZED, "AuthError")

    def unlink(self, connection_id: str) -> Connection:
        """Unlink by the client's own act; only linked connections can be (Codat: connections)."""
        return self._disconnect(connection_id, ConnectionStatus.UNLINKED, "Cancelled")

    def delete_connection(self, connection_id: str) -> None:
        """Remove a connection; its event still shows the last status, as Codat's does."""
        with self.lock:
            now = self.clock()
            connection = self.connection(connection_id)
            company = self.company(connection.company_id)
            self.syncs.stop(company, connection, "Cancelled", now)
            self.publisher.connection("connection.deleted", company, connection)
            del self.connections[connection.id], company.connections[connection.id]
            self.count_linked(company)

    # Reads

    def refresh_all(self, company_id: str, among: frozenset[str] | None = None) -> list[Pull]:
        """Queue every data type fetched on first link; those running already are left alone."""
        with self.lock:
            now = self.clock()
            company = self.company(company_id)
            settings = self.settings_of(company)
            linked = list(company.linked())
            if not linked:
                raise refusals.not_linked(company.id)
            wanted = [
                (connection, name)
                for connection in linked
                for name in connection.platform.data_types
                if settings.fetches_on_first_link(name) and (among is None or name in among)
            ]
            return self._started(self.syncs.start(company, wanted, now), now)

    def refresh(self, company_id: str, data_type: str, connection_id: str | None = None) -> Pull:
        """Queue one data type."""
        with self.lock:
            now = self.clock()
            company = self.company(company_id)
            if data_type not in platforms.ALL_DATA_TYPES:
                names = ", ".join(c.platform.name for c in company.connections.values())
                raise refusals.not_supported(data_type, names)
            pull = self.syncs.start_one(company, data_type, connection_id, now)
            self._started([pull], now)
            return pull

    def settings_of(self, company: Company) -> SyncSettings:
        """Return the sync settings that hold for a company: its own, else the profile's."""
        return company.sync_settings or self.sync_settings

    def set_sync_settings(
        self, settings: list[dict[str, Any]], company: Company | None = None
    ) -> None:
        """Set how often a company is read, or all that have no settings of their own."""
        with self.lock:
            if self.is_free_plan and any(0 < s["syncSchedule"] < 24 for s in settings):
                raise refusals.schedule_not_allowed()
            if company is None:
                self.sync_settings = self.sync_settings.changed(settings)
            else:
                company.sync_settings = self.settings_of(company).changed(settings)
            self.plan(self.companies.values() if company is None else [company])

    def plan(self, companies: Iterable[Company]) -> None:
        """Work out when Codat next reads these companies of its own accord."""
        for company in companies:
            settings = self.settings_of(company)
            for connection in company.linked():
                self.timetable.plan(connection, settings)
        self.changed.notify_all()

    def advance(self, now: float | None = None) -> float | None:
        """Let what is due happen; say when the next thing is due."""
        with self.lock:
            now = self.clock() if now is None else now
            self.syncs.advance(now)
            for connection_id in list(self.timetable.take(now)):
                self._read_on_schedule(connection_id, now)
            self._publish_reset(now)
            due = [time for time in (self.syncs.next_due(), self.timetable.next_due()) if time]
            return min(due, default=None)

    def _read_on_schedule(self, connection_id: str, now: float) -> None:
        connection = self.connections.get(connection_id)
        if connection is None or connection.status is not ConnectionStatus.LINKED:
            return
        company = self.company(connection.company_id)
        names = self.timetable.wanted(connection, self.settings_of(company), now)
        self._started(self.syncs.start(company, [(connection, n) for n in names], now), now)
        self.timetable.plan(connection, self.settings_of(company))

    # Quota

    def spend(self, address: str) -> QuotaUse:
        """Count one API request from an address."""
        with self.lock:
            now = self.clock()
            self._publish_reset(now)
            quota_use = self.quota.spend(address, len(self._linked), now)
            if quota_use.remaining == 0 and not self.quota.was_reached:
                self.quota.was_reached = True
                self.publisher.rate_limit(
                    "client.rateLimit.reached", quota_use.limit, 0, quota_use.reset
                )
            return quota_use

    def is_linked(self, company_id: str) -> bool:
        """Whether a company has a linked connection."""
        return company_id in self._linked

    def linked_companies(self) -> int:
        """Count the companies with a linked connection."""
        return len(self._linked)

    # Inside

    def _platform(self, key: str) -> platforms.Platform:
        platform = platforms.find(key)
        if platform is None or not platform.is_enabled:
            raise refusals.bad_request(f"Platform key '{key}' is not known or not enabled")
        return platform

    def _disconnect(
        self, connection_id: str, status: ConnectionStatus, pull_status: str
    ) -> Connection:
        with self.lock:
            now = self.clock()
            connection = self.connection(connection_id)
            if connection.status is not ConnectionStatus.LINKED:
                raise refusals.bad_request(f"Data connection {connection.id} is not linked")
            old = self._set_status(connection, status)
            if status is ConnectionStatus.DEAUTHORIZED:
                self._add_error(connection, REVOKED)
            company = self.company(connection.company_id)
            self.publisher.connection("connection.disconnected", company, connection, old)
            self.syncs.stop(company, connection, pull_status, now)
            return connection

    def _set_status(self, connection: Connection, status: ConnectionStatus) -> str:
        old, connection.status = connection.status, status
        if status is ConnectionStatus.LINKED:
            connection.was_linked = True
        self.count_linked(self.company(connection.company_id))
        return str(old)

    def count_linked(self, company: Company) -> None:
        """Note whether a company has a linked connection; the quota follows their number."""
        if any(True for _ in company.linked()):
            self._linked.add(company.id)
        else:
            self._linked.discard(company.id)

    def _add_error(self, connection: Connection, error: tuple[str, str, str]) -> None:
        code, text, message = error
        connection.errors.append(
            {
                "statusCode": code,
                "statusText": text,
                "errorMessage": message,
                "erroredOnUtc": iso(self.clock()),
                "status": "Active",
            }
        )

    def _started(self, pulls: list[Pull], now: float) -> list[Pull]:
        if self.config.sync_seconds <= 0:
            self.syncs.advance(now)
        self.changed.notify_all()
        return pulls

    def _read_finished(self, reading: Reading, pulls: list[Pull], now: float) -> None:
        company = reading.company
        if self.companies.get(company.id) is not company:
            return
        stamp = iso(now)
        for pull in pulls:
            connection = company.connections.get(pull.connection_id)
            if pull.final == "Complete" and connection:
                company.last_sync = connection.last_sync = stamp
                if pull.data_type == "company" and company.info is None:
                    made_up = company_info(*company.ledger, connection.platform.name)
                    company.info = made_up | company.given_info
        if reading.is_initial:
            self.publisher.reads("read.completed.initial", company, pulls)
        self.publisher.reads("read.completed", company, pulls)
        for owner in dict.fromkeys(pull.connection_id for pull in pulls):
            if connection := company.connections.get(owner):
                self._after_read(company, connection, reading.is_initial)

    def _after_read(self, company: Company, connection: Connection, is_initial: bool) -> None:
        if connection.status is not ConnectionStatus.LINKED:
            return
        if connection.is_one_time and is_initial:
            # The connector removes itself: a normal end (Codat: one-time sync).
            old = self._set_status(connection, ConnectionStatus.DEAUTHORIZED)
            self.publisher.connection("connection.disconnected", company, connection, old)
        else:
            self.timetable.plan(connection, self.settings_of(company))

    def _publish_reset(self, now: float) -> None:
        self.quota.roll(now)
        limit = self.quota.limit(len(self._linked))
        if self.quota.was_reached and self.quota.used < limit:
            self.quota.was_reached = False
            left = limit - self.quota.used
            self.publisher.rate_limit("client.rateLimit.reset", limit, left, self.quota.resets)
