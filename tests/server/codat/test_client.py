"""The client asks as Codat's pages want it, and every answer ends in a record or an error."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from codat import errors
from codat.answers import UNSAID_WAIT, Answer
from codat.client import Codat, Generation
from codat.errors import CodatError, RateLimit
from codat.gate import OpenGate
from codat.times import parse_moment
from codat.transport import MAX_BODY
from support.published import load, needs_published, paths

KEY = "canary-key-58a1"
COMPANY = "5b1d9c1e-7a3f-4f4e-9a54-0d6f2c8e1a01"
CONNECTION = "c2f0a7d4-1e6b-4b8a-8f3d-7795e1b0d302"
DATASET = "9b2f7e44-1c6d-4f0a-8e35-b8a1d0c47f04"
NOW = 1_780_000_000.0


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: Any
    port: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class FakeCodat:
    """A server that gives the answers it was told to give, in order, and keeps what was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)

    def will(self, status: int, body: Any = None, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        content = b"" if body is None else content

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers.append(answer)


@pytest.fixture
def server() -> Iterator[FakeCodat]:
    fake = FakeCodat()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            port = self.client_address[1]
            fake.asked.append(Asked(self.command, self.path, headers, body, port))
            fake.answers.pop(0)(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    fake.url = f"http://127.0.0.1:{http.server_port}"
    yield fake
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def codat(server) -> Iterator[Codat]:
    with Codat(KEY, server.url) as client:
        yield client


@pytest.fixture
def classic(server) -> Iterator[Codat]:
    with Codat(KEY, server.url, generation=Generation.CLASSIC) as client:
        yield client


def page(results: list[Any], following: str | None = None) -> dict[str, Any]:
    links = {"self": {"href": "/companies"}, "current": {"href": "/companies?page=1"}}
    if following is not None:
        links["next"] = {"href": following}
    return {"results": results, "pageNumber": 1, "pageSize": 100, "_links": links}


def company(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"5b1d9c1e-7a3f-4f4e-9a54-{number:012d}", "name": f"n{number}", **more}


PULL = {"id": DATASET, "companyId": COMPANY, "dataType": "bills", "status": "Initial"}


# What is asked


def test_the_key_goes_as_base64_without_a_colon(codat, server):
    server.will(200, company())
    codat.get_company(COMPANY)
    headers = server.asked[0].headers
    assert headers["authorization"] == "Basic " + base64.b64encode(KEY.encode()).decode()
    assert base64.b64decode(headers["authorization"].split()[1]) == KEY.encode()
    assert headers["user-agent"].startswith("codat-relay/")
    assert headers["accept"] == "application/json"


CALLS: list[tuple[str, tuple[Any, ...], str, str, Any, Any]] = [
    ("get_integration", ("gbol",), "GET", "/integrations/gbol", None, {"key": "gbol"}),
    ("get_company", (COMPANY,), "GET", f"/companies/{COMPANY}", None, company()),
    ("create_company", ("Dummy 1",), "POST", "/companies", {"name": "Dummy 1"}, company()),
    (
        "update_company",
        (COMPANY, "Real"),
        "PATCH",
        f"/companies/{COMPANY}",
        {"name": "Real"},
        company(),
    ),
    ("delete_company", (COMPANY,), "DELETE", f"/companies/{COMPANY}", None, None),
    (
        "get_connection",
        (COMPANY, CONNECTION),
        "GET",
        f"/companies/{COMPANY}/connections/{CONNECTION}",
        None,
        {"id": CONNECTION},
    ),
    (
        "create_connection",
        (COMPANY, "gbol"),
        "POST",
        f"/companies/{COMPANY}/connections",
        {"platformKey": "gbol"},
        {"id": CONNECTION},
    ),
    (
        "unlink_connection",
        (COMPANY, CONNECTION),
        "PATCH",
        f"/companies/{COMPANY}/connections/{CONNECTION}",
        {"status": "Unlinked"},
        {"id": CONNECTION},
    ),
    (
        "delete_connection",
        (COMPANY, CONNECTION),
        "DELETE",
        f"/companies/{COMPANY}/connections/{CONNECTION}",
        None,
        None,
    ),
    ("get_company_info", (COMPANY,), "GET", f"/companies/{COMPANY}/data/info", None, {}),
    ("get_company_data_status", (COMPANY,), "GET", f"/companies/{COMPANY}/dataStatus", None, {}),
    (
        "get_pull_operation",
        (COMPANY, DATASET),
        "GET",
        f"/companies/{COMPANY}/data/history/{DATASET}",
        None,
        PULL,
    ),
    ("refresh_company_data", (COMPANY,), "POST", f"/companies/{COMPANY}/data/all", None, None),
    (
        "refresh_data_type",
        (COMPANY, "bills"),
        "POST",
        f"/companies/{COMPANY}/data/queue/bills",
        None,
        PULL,
    ),
]
LISTS = [
    ("list_integrations", (), "/integrations"),
    ("list_companies", (), "/companies"),
    ("list_connections", (COMPANY,), f"/companies/{COMPANY}/connections"),
    ("list_pull_operations", (COMPANY,), f"/companies/{COMPANY}/data/history"),
]


@pytest.mark.parametrize(("name", "args", "method", "path", "body", "answer"), CALLS)
def test_each_operation_asks_as_todays_api_wants_it(
    codat, server, name, args, method, path, body, answer
):
    server.will(204 if answer is None else 200, answer)
    getattr(codat, name)(*args)
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == (method, path, body)


@pytest.mark.parametrize(("name", "args", "path"), LISTS)
def test_each_list_names_page_and_size(codat, server, name, args, path):
    server.will(200, page([]))
    assert list(getattr(codat, name)(*args, query="status=Linked&&name~a b", page_size=50)) == []
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", path)
    assert asked.query == {"query": "status=Linked&&name~a b", "page": "1", "pageSize": "50"}
    assert "%26%26name~a%20b" in asked.target


def test_companies_can_be_filtered_by_tags_and_ordered(codat, server):
    server.will(200, page([]))
    assert list(codat.list_companies(tags="team = north", order_by="-created")) == []
    assert server.asked[0].query["tags"] == "team = north"
    assert server.asked[0].query["orderBy"] == "-created"


def test_a_data_type_can_be_refreshed_for_one_connection(codat, server):
    server.will(200, PULL)
    assert codat.refresh_data_type(COMPANY, "bills", CONNECTION).id == DATASET
    assert server.asked[0].target.endswith(f"/data/queue/bills?connectionId={CONNECTION}")


def test_creating_sends_description_and_tags_only_when_given(codat, server):
    server.will(200, company())
    codat.create_company("Dummy", description="", tags={"team": "north"})
    assert server.asked[0].body == {"name": "Dummy", "description": "", "tags": {"team": "north"}}
    server.will(200, company())
    codat.create_company("Dummy", tags={})
    assert server.asked[1].body == {"name": "Dummy"}


def test_creating_with_a_platform_takes_two_calls_today(codat, server):
    server.will(200, company(7))
    server.will(200, {"id": CONNECTION, "linkUrl": "https://link.example"})
    created = codat.create_company("Dummy", platform_key="gbol")
    assert [connection.id for connection in created.connections] == [CONNECTION]
    assert [asked.body for asked in server.asked] == [{"name": "Dummy"}, {"platformKey": "gbol"}]
    assert server.asked[1].path == f"/companies/{created.id}/connections"


def test_a_company_without_its_connection_is_not_lost(codat, server):
    server.will(200, company(7))
    server.will(404, {"error": "no such platform"})
    with pytest.raises(errors.ConnectionNotCreated, match="no such platform") as failed:
        codat.create_company("Dummy", platform_key="zzzz")
    assert failed.value.company.name == "n7"
    assert isinstance(failed.value.__cause__, errors.NotFound)


def test_data_status_is_given_by_data_type(codat, server):
    server.will(200, {"bills": {"dataType": "bills", "currentStatus": "Complete"}, "x": {}, "y": 1})
    status = codat.get_company_data_status(COMPANY)
    assert status["bills"].current_status == "Complete"
    assert status["x"].data_type == "x"
    assert "y" not in status


# The classic API


def test_the_classic_refresh_of_everything_has_its_own_path(classic, server):
    server.will(200)
    assert classic.refresh_company_data(COMPANY) is None
    assert (server.asked[0].method, server.asked[0].path) == (
        "POST",
        f"/companies/{COMPANY}/data/queue/all",
    )


def test_the_classic_create_takes_the_platform_in_the_same_call(classic, server):
    server.will(200, company(status="PendingAuth", dataConnections=[{"id": CONNECTION}]))
    created = classic.create_company("Dummy", platform_key="demobank_truelayer")
    assert (created.status, created.connections[0].id) == ("PendingAuth", CONNECTION)
    (asked,) = server.asked
    assert asked.body == {"name": "Dummy", "platformType": "demobank_truelayer"}


def test_the_classic_rename_sends_back_all_that_was_there(classic, server):
    held = {"id": COMPANY, "name": "Dummy", "description": "d", "tags": {"a": "b"}, "platform": "X"}
    server.will(200, held)
    server.will(200, {**held, "name": "Real"})
    assert classic.update_company(COMPANY, "Real").name == "Real"
    read, put = server.asked
    assert (read.method, read.path) == ("GET", f"/companies/{COMPANY}")
    assert (put.method, put.path, put.body) == ("PUT", "/companies", {**held, "name": "Real"})


def test_a_classic_rename_sends_back_what_was_read_without_rereading(classic, server):
    held = {"id": COMPANY, "name": "Dummy", "description": "d", "tags": {"a": "b"}}
    server.will(200, held)
    read = classic.get_company(COMPANY)
    server.will(200, {**held, "name": "Real"})
    classic.update_company(COMPANY, "Real", read=read)
    assert [asked.method for asked in server.asked] == ["GET", "PUT"]
    assert server.asked[1].body == {**held, "name": "Real"}


def test_a_classic_rename_that_cannot_read_first_writes_nothing(classic, server):
    server.will(500, {"error": "down"})
    with pytest.raises(errors.CodatBroken):
        classic.update_company(COMPANY, "Real")
    assert [asked.method for asked in server.asked] == ["GET"]


def test_classic_ids_need_not_be_uuids(classic, server):
    server.will(200, company())
    classic.get_company("a1-B2")
    assert server.asked[0].path == "/companies/a1-B2"


# What must not stand in a path


@pytest.mark.parametrize(
    "company_id",
    [
        "",
        "a1-B2",
        "../profile",
        "%2e%2e",
        f"{COMPANY}/data",
        f"{COMPANY}\n",
        f"{COMPANY}\x00",
        f"{COMPANY}0",
        f"{{{COMPANY}}}",
        COMPANY.replace("-", ""),
    ],
)
def test_a_company_id_that_is_no_uuid_is_never_sent(codat, server, company_id):
    for name, args, *_ in [call for call in CALLS if call[1][:1] == (COMPANY,)] + LISTS[2:]:
        with pytest.raises(ValueError, match="cannot be a company id"):
            getattr(codat, name)(company_id, *args[1:])
    assert server.asked == []


@pytest.mark.parametrize("company_id", ["", "../profile", "a b", "a_b", "x" * 65, "é"])
def test_a_classic_id_must_be_harmless(classic, server, company_id):
    with pytest.raises(ValueError, match="cannot be a company id"):
        classic.get_company(company_id)
    assert server.asked == []


def test_keys_and_data_types_must_be_one_word(codat, server):
    with pytest.raises(ValueError, match="cannot be a data type"):
        codat.refresh_data_type(COMPANY, "bills/../all")
    with pytest.raises(ValueError, match="cannot be a platform key"):
        codat.get_integration("gbol?x=1")
    with pytest.raises(ValueError, match="cannot be a dataset id"):
        codat.get_pull_operation(COMPANY, "latest")
    assert server.asked == []


@pytest.mark.parametrize("page_size", [0, -1, 5001])
def test_a_page_size_that_codat_refuses_is_not_sent(codat, page_size):
    with pytest.raises(ValueError, match="1 to 5000"):
        codat.list_companies(page_size=page_size)


def test_a_query_that_codat_refuses_is_not_sent(codat):
    with pytest.raises(ValueError, match="shorter than 2048"):
        codat.list_companies(query="x" * 2048)


@pytest.mark.parametrize(
    "url", ["", "api.codat.io", "ftp://api.codat.io", "https://", "https://u:p@x.io", "https://x?a"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="Codat's address"):
        Codat(KEY, url)


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match="key is empty"):
        Codat("")


# Lists


def test_pages_are_asked_for_as_they_are_taken(codat, server):
    server.will(200, page([company(1), company(2)], "/companies?page=2&pageSize=2"))
    server.will(200, page([company(3)]))
    companies = codat.list_companies(query="a=b", page_size=2)
    assert server.asked == []
    assert next(companies).name == "n1"
    assert next(companies).name == "n2"
    assert len(server.asked) == 1
    assert [company.name for company in companies] == ["n3"]
    assert server.asked[1].query == {"query": "a=b", "page": "2", "pageSize": "2"}


def test_an_address_with_a_path_keeps_it_on_every_page(server):
    server.will(200, page([company(1)], "/companies?page=2&pageSize=100"))
    server.will(200, page([company(2)], f"{server.url}/codat/companies?page=3&pageSize=100"))
    server.will(200, page([]))
    with Codat(KEY, server.url + "/codat/") as client:
        assert len(list(client.list_companies())) == 2
    assert {asked.path for asked in server.asked} == {"/codat/companies"}


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/companies?page=2",
        "//evil.example/companies?page=2",
        "http://127.0.0.1:1/companies?page=2",
        "@evil.example/companies?page=2",
        "companies?page=2",
        "http://[evil/companies",
    ],
)
def test_a_list_is_never_followed_to_another_host(codat, server, href):
    server.will(200, page([company(1)], href))
    companies = codat.list_companies()
    assert next(companies).name == "n1"
    with pytest.raises(errors.BadAnswer, match="next page"):
        next(companies)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "href", ["/companies?page=1&pageSize=100", "/companies", "/companies?pageSize=100&page=1"]
)
def test_a_list_that_leads_in_a_circle_ends_in_an_error(codat, server, href):
    server.will(200, page([company(1)], href))
    with pytest.raises(errors.BadAnswer, match="circle"):
        list(codat.list_companies())
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("number", "size", "count", "total", "ends_early"),
    [
        (1, 10, 0, 150, True),
        (2, 10, 10, 30, True),
        (3, 10, 10, 30, False),
        (3, 10, 4, 24, False),
        (3, 10, 0, 20, False),  # one was deleted meanwhile
        (2, 10, 0, 24, True),
        (1, 10, 0, 0, False),
        (1, 10, 0, None, False),
    ],
)
def test_a_page_that_ends_the_list_before_its_total_is_a_bad_answer(
    codat, server, number, size, count, total, ends_early
):
    server.will(200, page([company(n) for n in range(count)]) | {"totalResults": total})
    if ends_early:
        with pytest.raises(errors.BadAnswer, match="totalResults"):
            codat.companies_page(number, size)
    else:
        assert not codat.companies_page(number, size).more


def test_a_list_ends_at_an_empty_page(codat, server):
    server.will(200, page([], "/companies?page=2&pageSize=100"))
    assert list(codat.list_companies()) == []


@pytest.mark.parametrize(
    "body", [{}, {"results": None}, {"results": {}}, {"results": [1]}, {"results": [{"name": "x"}]}]
)
def test_a_list_that_is_none_is_a_bad_answer(codat, server, body):
    server.will(200, body)
    with pytest.raises(errors.BadAnswer):
        list(codat.list_companies())


@pytest.mark.parametrize("links", [None, [], {"next": None}, {"next": {"href": None}}, {"next": 1}])
def test_a_list_without_a_next_link_is_over(codat, server, links):
    server.will(200, {"results": [company(1)], "_links": links})
    assert len(list(codat.list_companies())) == 1


# Errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (402, errors.PaymentRequired),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.BadRequest),
        (408, errors.CodatBroken),
        (409, errors.Conflict),
        (422, errors.BadRequest),
        (429, errors.RateLimited),
        (451, errors.BadRequest),
        (500, errors.CodatBroken),
        (502, errors.CodatBroken),
        (503, errors.CodatBroken),
        (599, errors.CodatBroken),
        (301, errors.BadAnswer),
        (304, errors.BadAnswer),
    ],
)
def test_each_status_has_its_class_and_one_line(codat, server, status, kind):
    body = {"statusCode": 429, "error": "Not\nthis  \x1b[31mtime", "correlationId": "c0ffee"}
    server.will(status, None if status == 304 else body, Location="/elsewhere")
    with pytest.raises(CodatError) as failed:
        codat.get_company(COMPANY)
    assert type(failed.value) is kind
    assert failed.value.status == status
    assert len(server.asked) == 1
    if status != 304:
        assert str(failed.value) == (
            f"GET /companies/{COMPANY}: {status} Not this [31mtime (correlation id c0ffee)"
        )
        assert (failed.value.correlation_id, failed.value.body) == ("c0ffee", body)


def test_an_error_without_a_body_still_says_what_it_is(codat, server):
    server.will(502, b"<html>Bad gateway</html>")
    with pytest.raises(errors.CodatBroken) as failed:
        codat.refresh_company_data(COMPANY)
    assert str(failed.value) == f"POST /companies/{COMPANY}/data/all: 502 Bad Gateway"
    assert (failed.value.body, failed.value.error) == (None, "")


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_running_sync_is_recognised_by_codats_words(codat, server, status):
    words = (
        "DatasetAlreadyInProgressException: Cannot queue bills sync for "
        f"{COMPANY} as previous sync {DATASET} is still in progress"
    )
    server.will(status, {"statusCode": status, "error": words})
    with pytest.raises(errors.SyncInProgress, match="still in progress"):
        codat.refresh_data_type(COMPANY, "bills")


def test_an_unsupported_data_type_is_not_an_unknown_company(codat, server):
    server.will(404, {"error": "Datatype bills not supported by platform(s) Square"})
    with pytest.raises(errors.NotSupported) as failed:
        codat.refresh_data_type(COMPANY, "bills")
    assert not isinstance(failed.value, errors.NotFound)


def test_what_validation_found_is_part_of_the_words(codat, server):
    found = [{"itemId": "x", "message": "Sync schedule not allowed"}, {"message": None}, 3]
    server.will(402, {"error": "Payment Required", "validation": {"errors": found}})
    with pytest.raises(errors.PaymentRequired) as failed:
        codat.get_company(COMPANY)
    assert failed.value.error == "Payment Required; Sync schedule not allowed"


def test_endless_words_are_cut(codat, server):
    server.will(400, {"error": "x" * 10_000, "correlationId": "y" * 10_000})
    with pytest.raises(errors.BadRequest) as failed:
        codat.get_company(COMPANY)
    assert len(str(failed.value)) < 1000


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"name":"x"}', b"\xff"])
def test_a_success_without_what_was_promised_is_a_bad_answer(codat, server, body):
    server.will(200, body)
    with pytest.raises(errors.BadAnswer) as failed:
        codat.get_company(COMPANY)
    assert failed.value.status == 200


def test_a_redirect_is_not_followed(codat, server):
    server.will(307, None, Location=f"{server.url}/elsewhere")
    with pytest.raises(errors.BadAnswer):
        codat.refresh_company_data(COMPANY)
    assert len(server.asked) == 1


def test_cookies_are_not_kept(codat, server):
    server.will(200, company(), Set_Cookie="session=1; Path=/")
    server.will(200, company())
    codat.get_company(COMPANY)
    codat.get_company(COMPANY)
    assert "cookie" not in server.asked[1].headers


def test_a_netrc_entry_does_not_take_the_keys_place(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with responses.RequestsMock() as mocked, Codat(KEY) as client:
        mocked.get(f"https://api.codat.io/companies/{COMPANY}", json=company())
        client.get_company(COMPANY)
        sent = mocked.calls[0].request.headers["Authorization"]
    assert base64.b64decode(sent.split()[1]) == KEY.encode()


def test_a_proxy_does_not_stand_before_this_machine(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.will(200, company())
    with Codat(KEY, server.url) as client:
        assert client.get_company(COMPANY).name == "n1"


# The line


def test_a_refused_connection_is_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Codat(KEY, address) as client, pytest.raises(errors.Unreachable) as failed:
            client.get_company(COMPANY)
    assert failed.value.status is None
    assert str(failed.value).startswith(f"GET /companies/{COMPANY}: no connection")


def test_a_dropped_connection_is_unreachable_and_not_asked_again(codat, server):
    def drop(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.answers.append(drop)
    with pytest.raises(errors.Unreachable):
        codat.refresh_company_data(COMPANY)
    assert len(server.asked) == 1


def test_half_a_body_is_unreachable(codat, server):
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"id":')

    server.answers.append(half)
    with pytest.raises(errors.Unreachable, match="broke off"):
        codat.get_company(COMPANY)


def test_silence_is_unreachable(server):
    over = threading.Event()
    server.answers.append(lambda _: over.wait(20))
    slow = pytest.raises(errors.Unreachable, match="no answer in time")
    with Codat(KEY, server.url, timeout=(1, 0.1)) as client, slow:
        client.get_company(COMPANY)
    over.set()


def test_silence_in_the_middle_of_a_body_is_unreachable(server):
    over = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"id":')
        over.wait(20)
        handler.close_connection = True

    server.answers.append(stall)
    slow = pytest.raises(errors.Unreachable, match="no answer in time")
    with Codat(KEY, server.url, timeout=(1, 0.1)) as client, slow:
        client.get_company(COMPANY)
    over.set()


def test_a_body_in_endless_drips_is_unreachable(server):
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while not over.wait(0.01):
            try:
                handler.wfile.write(b"1\r\n \r\n")
            except OSError:
                return

    server.answers.append(drip)
    slow = pytest.raises(errors.Unreachable, match="too slowly")
    with Codat(KEY, server.url, timeout=(0.1, 0.1)) as client, slow:
        client.get_company(COMPANY)
    over.set()


def test_an_answer_over_ten_megabytes_is_not_read_to_its_end(codat, server):
    server.will(200, b'{"id":"' + b"x" * MAX_BODY + b'"}')
    with pytest.raises(errors.BadAnswer, match="larger than 10 MB"):
        codat.get_company(COMPANY)


def test_connections_are_kept_for_the_next_call(codat, server):
    for _ in range(3):
        server.will(200, company())
        codat.get_company(COMPANY)
    server.will(404, {"error": "gone"})
    with pytest.raises(errors.NotFound):
        codat.get_company(COMPANY)
    server.will(200, company())
    codat.get_company(COMPANY)
    assert len(server.asked) == 5
    assert len({asked.port for asked in server.asked}) == 1


# Rate limits


class HearingGate(OpenGate):
    """Lets calls pass and keeps what it heard of each."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, RateLimit | None, float | None]] = []

    def end_call(self, call, company_id, rate_limit, retry_after) -> None:
        self.heard.append((company_id, rate_limit, retry_after))


class ShutGate(OpenGate):
    def begin_call(self, company_id: str | None) -> str:
        raise errors.NoCallNow("no call left", retry_after=5.0)


def test_a_call_that_the_gate_refuses_does_not_leave(server):
    with Codat(KEY, server.url, gate=ShutGate()) as client, pytest.raises(errors.NoCallNow):
        client.get_company(COMPANY)
    assert server.asked == []


def test_what_the_headers_say_of_the_limit_is_passed_on(server):
    gate = HearingGate()
    limits = {"X_Rate_Limit_Limit": "5000", "X_Rate_Limit_Remaining": "41"}
    server.will(200, company(), **limits, X_Rate_Limit_Reset="2026-03-08T00:00:00Z")
    server.will(200, company())
    server.will(429, {"error": "slow"}, X_Rate_Limit_Remaining="0", Retry_After="7200")
    with Codat(KEY, server.url, gate=gate) as client:
        client.get_company(COMPANY)
        client.get_company(COMPANY)
        with pytest.raises(errors.RateLimited) as failed:
            client.get_company(COMPANY)
    first, second, third = gate.heard
    assert first == (COMPANY, RateLimit(5000, 41, 1_772_928_000.0), None)
    assert second == (COMPANY, None, None)
    assert third == (COMPANY, RateLimit(None, 0, None), pytest.approx(7200))
    assert failed.value.retry_after == pytest.approx(7200)
    assert failed.value.rate_limit == third[1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("120", NOW + 120),
        (" 0 ", NOW),
        ("1.5", NOW + 1.5),
        ("1780000060", NOW + 60),
        ("1780000060000", NOW + 60),
        (formatdate(NOW + 60, usegmt=True), NOW + 60),
        ("2026-05-28T20:27:40Z", NOW + 60),
        ("2026-05-28T20:27:40.0000000+00:00", NOW + 60),
        ("2026-05-28 20:27:40Z", NOW + 60),
        ("2026-05-28 20:27:40.5 +00:00", NOW + 60.5),
        ("2026-05-28T20:27:99Z", NOW + 79),
        ("5/28/2026 8:27:40 PM +00:00", NOW + 60),
        ("5/28/2026 9:27:40 PM +01:00", NOW + 60),
        ("05/28/2026 20:27:40 +00:00", NOW + 60),
        ("05/28/2026 20:27:40", NOW + 60),
        ("28/05/2026 20:27:40", None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("2026-13-45T99:00:00Z", None),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
        (None, None),
    ],
)
def test_a_wait_is_read_in_every_form(text, moment):
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30.0), (formatdate(NOW - 60, usegmt=True), 0.0), ("later", None)],
)
def test_a_wait_is_in_seconds_from_now_and_never_negative(header, seconds):
    answer = Answer("GET", "/x", 429, {"Retry-After": header}, b"", NOW)
    with pytest.raises(errors.RateLimited) as failed:
        answer.raise_for_status()
    assert failed.value.retry_after == seconds


@pytest.mark.parametrize("off", [0, 90, 3600, -3600, 400 * 86_400])
def test_a_date_to_wait_for_counts_from_the_answers_own(off):
    """Seconds by which our clock is ahead of Codat's."""
    headers = {
        "Date": formatdate(NOW - off, usegmt=True),
        "Retry-After": formatdate(NOW - off + 30, usegmt=True),
    }
    answer = Answer("GET", "/x", 429, headers, b"", NOW)
    assert answer.refused_for == 30.0
    answer = Answer("GET", "/x", 429, headers | {"Retry-After": "30"}, b"", NOW)
    assert answer.refused_for == 30.0


@pytest.mark.parametrize("date", ["", "soon", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_without_a_date_that_counts_it_counts_from_now(date):
    headers = {"Date": date, "Retry-After": formatdate(NOW + 30, usegmt=True)}
    assert Answer("GET", "/x", 429, headers, b"", NOW).refused_for == 30.0


@pytest.mark.parametrize(
    "said",
    [
        "0", " 0 ", "0.0", "-5", "", "soon", formatdate(NOW - 60, usegmt=True),
        formatdate(NOW, usegmt=True), "2026-05-28T20:26:40Z", "Mon, 01 Jan 0001 00:00:00 GMT",
    ],
)  # fmt: skip
def test_a_refusal_without_a_retry_time_is_still_waited_for(said):
    """Else all workers ask again and again, as fast as they can, and spend the day's quota."""
    assert Answer("GET", "/x", 429, {"Retry-After": said}, b"", NOW).refused_for == UNSAID_WAIT


@pytest.mark.parametrize("count", ["", "-1", "many", "1.5", "٣", "9" * 40])
def test_a_count_that_is_none_is_left_out(count):
    answer = Answer("GET", "/x", 200, {"X-Rate-Limit-Limit": count}, b"", NOW)
    assert answer.rate_limit is None


# Secrets


def test_the_key_is_never_shown(server):
    encoded = base64.b64encode(KEY.encode()).decode()
    server.will(401, {"error": "Unauthorized"})
    with Codat(KEY, server.url) as client:
        with pytest.raises(errors.Unauthorized) as failed:
            client.get_company(COMPANY)
        shown = [repr(client), str(client), repr(client._transport), repr(failed.value)]
        shown += [str(failed.value), repr(vars(failed.value))]
    assert not [text for text in shown if KEY in text or encoded in text]


# Codat's own samples

ERRORS = {
    "Bad-Request": (400, errors.BadRequest),
    "Malformed-Query": (400, errors.BadRequest),
    "Unauthorized": (401, errors.Unauthorized),
    "Payment-Required": (402, errors.PaymentRequired),
    "docs.50-company-limit": (402, errors.PaymentRequired),
    "docs.365-day-free-account-limit": (402, errors.PaymentRequired),
    "Forbidden": (403, errors.Forbidden),
    "Not-Found": (404, errors.NotFound),
    "docs.correlation-ids": (404, errors.NotFound),
    "Conflict": (409, errors.Conflict),
    "Too-Many-Requests": (429, errors.RateLimited),
    "Legal-Reasons": (451, errors.BadRequest),
    "Internal-Server-Error": (500, errors.CodatBroken),
    "Service-Unavailable": (503, errors.CodatBroken),
}


@needs_published
@pytest.mark.parametrize("path", paths("api-errors"), ids=lambda path: path.stem)
def test_every_published_error_is_recognised_by_its_http_status(path):
    (status, kind) = next(ERRORS[start] for start in ERRORS if path.name.startswith(start))
    content = path.read_bytes()
    with pytest.raises(CodatError) as failed:
        Answer("GET", "/x", status, {}, content, NOW).raise_for_status()
    assert type(failed.value) is kind
    assert json.loads(content)["error"] in str(failed.value)
    assert failed.value.correlation_id == json.loads(content)["correlationId"]


@needs_published
def test_the_published_list_of_companies_is_read(codat, server):
    sample = load("api-current/list-companies.response-200.list-of-companies.json")
    server.will(200, sample)
    read = list(codat.list_companies())
    assert [company.id for company in read] == [item["id"] for item in sample["results"]]
    assert read[0].connections[0].platform_name == "Pandle"


@needs_published
def test_the_published_pull_history_leads_to_its_next_page(codat, server):
    sample = load("api-current/list-pull-operations.response-200.example.json")
    server.will(200, sample)
    server.will(200, page([]))
    (operation,) = codat.list_pull_operations(COMPANY)
    assert operation.id == sample["results"][0]["id"]
    assert server.asked[1].target == sample["_links"]["next"]["href"]


@needs_published
def test_the_published_data_status_is_read(codat, server):
    sample = load("api-current/get-company-data-status.response-200.example.json")
    server.will(200, sample)
    status = codat.get_company_data_status(COMPANY)
    assert status.keys() == sample.keys()
    assert {one.current_status for one in status.values()} == {"Complete"}
