"""Codat's API as methods, named after Codat's operationIds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from codat.answers import Answer
from codat.errors import CodatError, ConnectionNotCreated, NotFound
from codat.gate import Gate, OpenGate
from codat.pages import one_page, pages
from codat.records import (
    Company,
    CompanyInfo,
    Connection,
    DataStatus,
    Integration,
    ProfileSyncSettings,
    PullOperation,
    SyncSetting,
    read_id,
)
from codat.routes import Generation, route
from codat.times import host_time
from codat.transport import Transport, download
from codat.units import Seconds

__all__ = ["Codat", "Generation"]

_MAX_LOGO = 200 * 1024  # bytes
_LOGO_TIMEOUT = (2.0, 4.0)  # seconds: a page waits for it
_MAX_QUERY = 2048  # Codat: using-the-api/querying


@dataclass(frozen=True, slots=True)
class CompaniesPage:
    """One page of companies; `total` counts all pages, `more` says whether another follows."""

    companies: tuple[Company, ...]
    total: int | None
    more: bool


Record = TypeVar("Record")
Reader = Callable[[Mapping[str, Any]], Record]


class Codat:
    """A client for one API key, to be shared by threads. Sends each request once.

    Every method raises a CodatError when the call fails, and ValueError for an id, key or data
    type that must not stand in a path. Each call passes `gate`, which receives the rate limit from
    the answer's headers. `timeout` is (connect, read) in seconds. Waits that Codat asks for count
    from the time that `clock` returns.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "https://api.codat.io",
        *,
        generation: Generation = Generation.CURRENT,
        timeout: tuple[float, float] = (3.05, 15.0),
        pool_size: int = 16,
        gate: Gate | None = None,
        clock: Callable[[], Seconds] = host_time,
    ) -> None:
        self.generation = Generation(generation)
        self._transport = Transport(
            api_key,
            base_url,
            timeout=timeout,
            pool_size=pool_size,
            gate=gate or OpenGate(),
            clock=clock,
        )

    def __repr__(self) -> str:
        """Show where it asks, never the key."""
        return f"Codat({self._transport.base_url!r}, generation={self.generation.value!r})"

    def __enter__(self) -> Self:
        """Use as a context manager to close the pooled connections at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pooled connections."""
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def list_integrations(
        self, query: str | None = None, order_by: str | None = None, page_size: int = 100
    ) -> Iterator[Integration]:
        """Yield every platform, enabled or not."""
        return self._list(
            "list-integrations", Integration.from_json, page_size, query=query, orderBy=order_by
        )

    def get_integration(self, platform_key: str) -> Integration:
        """Return one platform by its key."""
        answer = self._call("get-integration", platform_key=platform_key)
        return _read(answer, Integration.from_json)

    def get_profile_sync_settings(self) -> ProfileSyncSettings:
        """Return when Codat reads each data type of companies without settings of their own.

        It is the one place where Codat names the client that our key belongs to.
        """
        answer = self._call("get-profile-syncSettings")
        found = answer.json_object()
        settings = found.get("settings")
        listed = settings if isinstance(settings, list) else []
        read = (
            _reading(answer, one, SyncSetting.from_json) for one in listed if isinstance(one, dict)
        )
        return ProfileSyncSettings(read_id(found.get("clientId")), tuple(read))

    def download_logo(self, integration: Integration) -> tuple[str, bytes]:
        """Return media type and content of a platform's logo, from its public address."""
        if not integration.logo_url:
            raise NotFound("the integration has no logo")
        return download(integration.logo_url, max_bytes=_MAX_LOGO, timeout=_LOGO_TIMEOUT)

    def list_companies(
        self,
        query: str | None = None,
        tags: str | None = None,
        order_by: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Company]:
        """Yield companies with their connections, page by page on demand.

        Filter the result again: Codat documents both that it applies `query` here and that not
        (Codat: using-the-api/querying).
        """
        return self._list(
            "list-companies",
            Company.from_json,
            page_size,
            query=query,
            tags=tags,
            orderBy=order_by,
        )

    def companies_page(
        self, page: int, page_size: int = 100, query: str | None = None
    ) -> CompaniesPage:
        """Return one page of companies in order of creation, by one call.

        Pages count from 1. New companies come at the end. A deletion moves the rest forward, so a
        walk over the pages can miss some and must look for them.
        """
        _, path = route(self.generation, "list-companies")
        asked = {"page": str(page), "pageSize": str(page_size), "orderBy": "created"}
        if query:
            asked["query"] = query
        answer, items, more = one_page(self._transport, path, asked)
        total = answer.json_object().get("totalResults")
        return CompaniesPage(
            companies=tuple(_reading(answer, item, Company.from_json) for item in items),
            total=total if isinstance(total, int) else None,
            more=more,
        )

    def get_company(self, company_id: str) -> Company:
        """Return one company with its connections."""
        return _read(self._call("get-company", company_id=company_id), Company.from_json)

    def create_company(
        self,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        platform_key: str | None = None,
        key: str | None = None,
    ) -> Company:
        """Create a company, with a platform also its connection.

        The classic API takes both in one call. Today's needs two; if the second fails,
        ConnectionNotCreated holds the company that was created.

        For 90 minutes Codat repeats its first answer to the same `key`, a refusal too; Conflict
        while the first request is under way (Codat: write-data/idempotency).
        """
        body: dict[str, Any] = {"name": name}
        if description is not None:
            body["description"] = description
        if tags:
            body["tags"] = dict(tags)
        if platform_key is not None and self.generation is Generation.CLASSIC:
            body["platformType"] = platform_key
        company = _read(self._call("create-company", body, key=key), Company.from_json)
        if platform_key is None or self.generation is Generation.CLASSIC:
            return company
        return self._with_connection(company, platform_key)

    def _with_connection(self, company: Company, platform_key: str) -> Company:
        try:
            connection = self.create_connection(company.id, platform_key)
        except (CodatError, ValueError) as error:
            raise ConnectionNotCreated(str(error), company=company) from error
        return replace(company, connections=(*company.connections, connection))

    def update_company(self, company_id: str, name: str, *, read: Company | None = None) -> Company:
        """Change the name and nothing else.

        The classic API replaces the whole company, so there all of it is sent back, as
        `read`; without `read` the company is read first.
        """
        if self.generation is Generation.CLASSIC:
            raw = (read or self.get_company(company_id)).raw
            answer = self._call("update-company", {**raw, "id": company_id, "name": name})
        else:
            # A `tags` that is null or empty would remove all tags (Codat: managing-companies).
            answer = self._call("update-company", {"name": name}, company_id=company_id)
        return _read(answer, Company.from_json)

    def delete_company(self, company_id: str) -> None:
        """Delete the company, its connections and its data, for good."""
        self._call("delete-company", company_id=company_id)

    def list_connections(
        self,
        company_id: str,
        query: str | None = None,
        order_by: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Connection]:
        """Yield a company's connections; deleted ones are not listed."""
        return self._list(
            "list-connections",
            Connection.from_json,
            page_size,
            {"company_id": company_id},
            query=query,
            orderBy=order_by,
        )

    def get_connection(self, company_id: str, connection_id: str) -> Connection:
        """Return one connection, with a fresh link URL."""
        answer = self._call("get-connection", company_id=company_id, connection_id=connection_id)
        return _read(answer, Connection.from_json)

    def create_connection(self, company_id: str, platform_key: str) -> Connection:
        """Create a connection to a platform; the customer links it at its `link_url`."""
        body = {"platformKey": platform_key}
        return _read(
            self._call("create-connection", body, company_id=company_id), Connection.from_json
        )

    def unlink_connection(self, company_id: str, connection_id: str) -> Connection:
        """Unlink a linked connection; its data stays readable."""
        answer = self._call(
            "unlink-connection",
            {"status": "Unlinked"},
            company_id=company_id,
            connection_id=connection_id,
        )
        return _read(answer, Connection.from_json)

    def delete_connection(self, company_id: str, connection_id: str) -> None:
        """Delete a connection, and the data read over it."""
        self._call("delete-connection", company_id=company_id, connection_id=connection_id)

    def get_company_info(self, company_id: str) -> CompanyInfo:
        """Return what the accounting software says; Conflict until `company` has synced."""
        return _read(self._call("get-company-info", company_id=company_id), CompanyInfo.from_json)

    def get_company_data_status(self, company_id: str) -> dict[str, DataStatus]:
        """Return how fresh each data type is, by data type."""
        body = self._call("get-company-data-status", company_id=company_id).json_object()
        return {
            data_type: DataStatus.from_json({**value, "dataType": data_type})
            for data_type, value in body.items()
            if isinstance(value, dict) and data_type
        }

    def list_pull_operations(
        self,
        company_id: str,
        query: str | None = None,
        order_by: str | None = None,
        page_size: int = 100,
    ) -> Iterator[PullOperation]:
        """Yield a company's pull history. `isCompleted` cannot be queried, `status` can."""
        return self._list(
            "list-pull-operations",
            PullOperation.from_json,
            page_size,
            {"company_id": company_id},
            query=query,
            orderBy=order_by,
        )

    def get_pull_operation(self, company_id: str, dataset_id: str) -> PullOperation:
        """Return one pull operation."""
        answer = self._call("get-pull-operation", company_id=company_id, dataset_id=dataset_id)
        return _read(answer, PullOperation.from_json)

    def refresh_company_data(self, company_id: str) -> None:
        """Queue every data type that is fetched on first link; Codat returns no ids."""
        self._call("refresh-company-data", company_id=company_id)

    def refresh_data_type(
        self, company_id: str, data_type: str, connection_id: str | None = None
    ) -> PullOperation:
        """Queue one data type; without a connection every fitting one may be queued.

        Raises SyncInProgress if it is running already, NotSupported if the platform lacks the data.
        """
        method, path = route(
            self.generation, "refresh-data-type", company_id=company_id, data_type=data_type
        )
        parameters = [("connectionId", connection_id)] if connection_id else []
        answer = self._transport.send(method, path, parameters=parameters)
        return _read(answer, PullOperation.from_json)

    def _call(
        self,
        operation: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        **names: str,
    ) -> Answer:
        method, path = route(self.generation, operation, **names)
        return self._transport.send(method, path, body=body, key=key)

    def _list(
        self,
        operation: str,
        read: Reader[Record],
        page_size: int,
        names: Mapping[str, str] | None = None,
        **filters: str | None,
    ) -> Iterator[Record]:
        """Check everything now, ask only when the first record is taken."""
        if not 1 <= page_size <= 5000:
            raise ValueError("a page holds 1 to 5000 records")
        given = {key: value for key, value in filters.items() if value is not None}
        if any(len(value) >= _MAX_QUERY for value in given.values()):
            raise ValueError(f"a query must be shorter than {_MAX_QUERY} characters")
        _, path = route(self.generation, operation, **(names or {}))
        return self._records(path, {**given, "page": "1", "pageSize": str(page_size)}, read)

    def _records(
        self, path: str, parameters: dict[str, str], read: Reader[Record]
    ) -> Iterator[Record]:
        for answer, items in pages(self._transport, path, parameters):
            for item in items:
                yield _reading(answer, item, read)


def _read(answer: Answer, read: Reader[Record]) -> Record:
    return _reading(answer, answer.json_object(), read)


def _reading(answer: Answer, data: Mapping[str, Any], read: Reader[Record]) -> Record:
    try:
        return read(data)
    except ValueError as error:
        raise answer.bad(str(error)) from error
