"""The command line's client: each way an answer can fail is told apart."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from cli.addresses import is_here, local
from cli.client import Api, configured_token, service_url
from cli.faults import Failed, NotAccepted, Unreachable
from relay.settings import Settings

MakeSettings = Callable[..., Settings]


@contextmanager
def answering(respond: Callable[[Request], Response]) -> Iterator[str]:
    """Serve `respond` on a free port and give the address."""
    server = make_server("127.0.0.1", 0, Request.application(respond))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(status: int) -> Callable[[Request], Response]:
    body = {
        "title": "Invalid values",
        "detail": "Correct hour and send again.",
        "errors": [{"field": "hour", "message": "must be less than 24"}],
    }
    return lambda _: Response(orjson.dumps(body), status, content_type="application/problem+json")


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, NotAccepted),
        (403, NotAccepted),
        (422, NotAccepted),
        (404, Failed),
        (409, Failed),
        (500, Failed),
        (503, Unreachable),
    ],
)
def test_a_problem_is_shown_in_its_own_words(status: int, fault: type[Exception]) -> None:
    with answering(problem(status)) as url, pytest.raises(fault) as told:
        Api(url, "token").get("/v1/status")
    assert str(told.value) == (
        f"{status} Invalid values: Correct hour and send again.\n  hour: must be less than 24"
    )


def test_an_answer_that_is_no_problem_is_shown_by_its_status() -> None:
    with answering(lambda _: Response("<html>", 500)) as url, pytest.raises(Failed, match="500"):
        Api(url, "token").get("/v1/status")


def test_something_else_at_the_address_is_recognised() -> None:
    with answering(lambda _: Response("<html>")) as url, pytest.raises(Failed, match="JSON"):
        Api(url, "token").get("/v1/status")


def test_the_token_is_sent_and_never_shown() -> None:
    seen = []

    def respond(request: Request) -> Response:
        seen.append(request.headers["Authorization"])
        return problem(401)(request)

    with answering(respond) as url, pytest.raises(NotAccepted) as told:
        Api(url, "hush-hush").get("/v1/status")
    assert seen == ["Bearer hush-hush"]
    assert "hush" not in str(told.value)


def test_all_pages_of_a_list_are_walked() -> None:
    def respond(request: Request) -> Response:
        after = request.args["after"]
        page = {"companies": [{"id": after or "0"}], "next": {"": "1", "1": "2"}.get(after)}
        return Response(orjson.dumps(page), content_type="application/json")

    with answering(respond) as url:
        found = [row["id"] for row in Api(url, "token").pages("/v1/companies", "companies")]
    assert found == ["0", "1", "2"]


def test_a_token_that_may_operate_is_preferred(make_settings: MakeSettings) -> None:
    tokens = ["eye:view:0123456789abcdef", "hand:operate:fedcba9876543210"]
    assert configured_token(make_settings(relay_tokens=tokens)) == "fedcba9876543210"
    assert configured_token(make_settings()) is None


def test_the_service_is_looked_for_where_it_was_said_to_be(make_settings: MakeSettings) -> None:
    public = make_settings(relay_public_url="https://relay.example.test/")
    assert service_url(public) == "https://relay.example.test"
    assert service_url(public, "http://other.test") == "http://other.test"
    assert service_url(make_settings(port=9000)) == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
    ],
)
def test_a_server_that_listens_anywhere_is_found_here(
    make_settings: MakeSettings, host: str, address: str
) -> None:
    assert local(make_settings(host=host)) == address


def test_only_loopback_addresses_are_this_machine() -> None:
    assert all(map(is_here, ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:1/x")))
    assert not any(map(is_here, ("https://relay.example.test", "http://10.0.0.5", "nonsense")))
