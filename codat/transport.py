"""Sends one request to Codat over a pooled session, and returns one whole answer."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from codat.answers import Answer
from codat.errors import BadAnswer, Unreachable
from codat.gate import Gate
from codat.times import host_time
from codat.units import Seconds

MAX_BODY = 10 * 1024 * 1024
_CHUNK = 64 * 1024
# The read timeout limits one silence; this many of them limit a body that comes slowly.
_MAX_SILENCES = 4

Parameters = Sequence[tuple[str, str]]


class _Key(AuthBase):
    """Codat's header: base64 of the bare key, no colon (Codat: using-the-api/authentication).

    As an auth object it also keeps a `.netrc` entry from replacing the header.
    """

    def __init__(self, api_key: str) -> None:
        self._header = "Basic " + base64.b64encode(api_key.encode()).decode()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class Transport:
    """One pooled session to one host: no cookies, no redirects, no repeats. Safe to share."""

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        timeout: tuple[float, float],
        pool_size: int,
        gate: Gate,
        clock: Callable[[], Seconds] = host_time,
    ) -> None:
        if not api_key:
            raise ValueError("the Codat API key is empty")
        self.base_url = _checked(base_url)
        self._timeout = timeout
        self._gate = gate
        self._clock = clock
        self._session = _session(api_key, self.base_url, pool_size)

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Parameters = (),
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send one request and read its answer whole; raises a CodatError unless it is a 2xx.

        `key` is Codat's `Idempotency-Key`.
        """
        company_id = _company_in(path)
        call = self._gate.begin_call(company_id)
        answer: Answer | None = None
        try:
            url = _url(self.base_url + path, parameters)
            answer = self._exchange(method, path, url, body, key)
            answer.raise_for_status()
        # urllib3's own errors come through `requests` in a few corners.
        except (requests.RequestException, HTTPError) as error:
            raise Unreachable(f"{method} {path}: {_reason(error)}") from error
        finally:
            limit = answer.rate_limit if answer else None
            self._gate.end_call(call, company_id, limit, answer.refused_for if answer else None)
        return answer

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _exchange(
        self, method: str, path: str, url: str, body: Mapping[str, Any] | None, key: str | None
    ) -> Answer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        deadline = time.monotonic() + sum(self._timeout) * _MAX_SILENCES
        with self._session.request(
            method,
            url,
            data=None if body is None else orjson.dumps(body),
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            content = bytearray()
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > MAX_BODY:
                    raise BadAnswer(f"{method} {path}: the answer is larger than 10 MB")
                if time.monotonic() > deadline:
                    raise Unreachable(f"{method} {path}: the answer came too slowly")
            return Answer(
                method, path, response.status_code, response.headers, bytes(content), self._clock()
            )


def download(url: str, *, max_bytes: int, timeout: tuple[float, float]) -> tuple[str, bytes]:
    """Return media type and content of a public file, such as a logo; the key is not sent.

    Raises a CodatError if it is missing, moved or larger than `max_bytes`.
    """
    deadline = time.monotonic() + sum(timeout) * _MAX_SILENCES
    try:
        with requests.Session() as session:
            session.trust_env = not _is_this_machine(urlsplit(url).hostname or "")
            session.auth = _no_key
            session.headers["User-Agent"] = _user_agent()
            with session.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                if response.status_code != requests.codes.ok:
                    raise BadAnswer("GET of a public file: not there", status=response.status_code)
                content = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > max_bytes or time.monotonic() > deadline:
                        raise BadAnswer("GET of a public file: too large or too slow")
                return response.headers.get("Content-Type", ""), bytes(content)
    except (requests.RequestException, HTTPError) as error:
        raise Unreachable(f"GET of a public file: {_reason(error)}") from error


def _no_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send nothing; as an auth object it keeps a `.netrc` entry from being sent."""
    return request


def _session(api_key: str, base_url: str, pool_size: int) -> requests.Session:
    session = requests.Session()
    session.auth = _Key(api_key)
    session.headers.update({"User-Agent": _user_agent(), "Accept": "application/json"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # A firm's proxy settings lead to Codat, never to a sandbox on this machine.
    session.trust_env = not _is_this_machine(urlsplit(base_url).hostname or "")
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=pool_size, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _url(address: str, parameters: Parameters) -> str:
    return address + ("?" + urlencode(parameters, quote_via=quote) if parameters else "")


def _company_in(path: str) -> str | None:
    """Return the company of a path: the limit on concurrent calls is per company."""
    parts = path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "companies" else None


def _user_agent() -> str:
    try:
        return f"codat-relay/{version('codat-relay')}"
    except PackageNotFoundError:
        return "codat-relay"


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("Codat's address must begin with https:// and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("Codat's address must hold no user, query or fragment")
    return base_url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    return f"no connection ({type(error).__name__})"
