"""A request under an `Idempotency-Key` is done once, however often and whenever it is sent."""

import re
from dataclasses import replace
from itertools import count

import pytest
from redis.exceptions import ConnectionError as RedisAway

from codat import errors
from codat.client import Codat
from codat.records import Company as CodatCompany
from portal.api.journeys import routes
from portal.http.idempotency import SEND_AGAIN
from relay.journeys.rules import Change
from relay.services.attempt import Attempt
from relay.store import keys
from support.journeys import AtCodat
from support.parts import company_id
from support.portal_bench import OPERATOR, Portal, kind, make_company, problem
from support.sandboxes import running

KEY = {"Idempotency-Key": "4b0c3a52-7f53-4d21-9f7f-loan-1042"}
PATHS = ("/v1/journeys", "/v1/companies")
COMPANIES = "/v1/companies"


class Counting(AtCodat):
    """Codat with a company for each creation; `losing` takes the answers away, not the effect."""

    def __init__(self) -> None:
        super().__init__()
        self.held = []
        self.keys = []
        self.losing = None

    def create_company(self, name, *, key=None, tags=None, **given):
        self.keys.append(key)
        super().create_company(name)
        made = CodatCompany(
            company_id(len(self.held) + 1),
            name,
            redirect=f"https://link.codat.io/{len(self.asked)}",
            tags=tags or {},
        )
        self.held.append(made)
        if self.losing:
            raise self.losing
        return made

    def list_companies(self, **given):
        self._ask("list_companies")
        return iter(self.held)

    def get_company(self, company):
        self._ask("get_company")
        return next(one for one in self.held if one.id == company)


@pytest.fixture
def codat():
    return Counting()


@pytest.fixture
def portal(codat):
    return Portal(codat=codat)


def send(portal, path="/v1/journeys", headers=KEY, **body):
    return portal.post(path, json={"reference": "L-1", **body}, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_a_repeat_gives_the_same_answer_and_makes_nothing(portal, codat, path):
    first, again = send(portal, path), send(portal, path)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(codat.held) == 1
    assert len(portal.get("/v1/journeys").json["journeys"]) == (path == "/v1/journeys")


def test_the_repeated_link_works_and_is_kept_nowhere(portal):
    send(portal)
    link = send(portal).json["link"]
    token = link.rpartition("/")[2]
    assert portal.web.get(f"/link/{token}").status_code == 200
    kept = [portal.client.dump(key) for key in portal.client.scan_iter()]
    assert not any(token.encode() in value for value in kept)
    assert not any(OPERATOR.encode() in value for value in kept)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_each_request_makes_another(portal, codat, path):
    assert send(portal, path, {}).json != send(portal, path, {}).json
    assert len(codat.held) == 2
    assert codat.keys == [None, None]
    assert codat.held[0].tags == {}


def test_a_key_with_another_body_or_path_is_refused(portal, codat):
    send(portal)
    for answer in (send(portal, reference="L-2"), send(portal, COMPANIES)):
        assert (answer.status_code, kind(answer)) == (422, "key-reused")
    assert len(codat.held) == 1


def test_a_key_belongs_to_its_caller():
    tokens = (f"olga:operate:{OPERATOR}", "otto:operate:another-operator-token")
    portal = Portal(codat=Counting(), relay_tokens=tokens)
    first = send(portal)
    other = portal.ask("POST", "/v1/journeys", token="another-operator-token",
                       json={"reference": "L-9"}, headers=KEY)  # fmt: skip
    assert other.status_code == 201
    assert other.json["id"] != first.json["id"]


def test_a_request_under_way_is_a_conflict_with_a_retry_time(portal, codat):
    inner = []
    codat.list_integrations()
    create = codat.create_company

    def meanwhile(name, **given):
        inner.append(send(portal))
        return create(name, **given)

    codat.create_company = meanwhile
    assert send(portal).status_code == 201
    [answer] = inner
    assert (answer.status_code, kind(answer)) == (409, "under-way")
    assert int(answer.headers["Retry-After"]) > 0
    assert send(portal).status_code == 201
    assert len(codat.held) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "lost", [errors.Unreachable("no answer in time"), errors.CodatBroken("x", status=502)]
)
def test_a_company_whose_creation_was_not_answered_is_found_at_codat(portal, codat, path, lost):
    codat.losing = lost
    answer = send(portal, path)
    assert (answer.status_code, kind(answer)) == (503, "codat-unavailable")
    assert problem(answer)["detail"] == SEND_AGAIN
    codat.losing = None
    again = send(portal, path)
    assert again.status_code == 201
    assert again.json["company_id" if path == "/v1/journeys" else "id"] == codat.held[0].id
    assert len(codat.held) == 1
    assert next(m[b"type"] for m in portal.messages(1)) == b"relay.company_created"


def test_the_key_sent_to_codat_changes_only_after_a_refusal(portal, codat):
    """Codat repeats a refusal to the same key for 90 minutes."""
    for failing in (
        errors.Unreachable("no answer in time"),
        errors.Conflict("under way", status=409),
        errors.PaymentRequired("plan", status=402),
        errors.CodatBroken("x", status=500),
    ):
        codat.list_integrations()

        def create(name, *, key=None, failing=failing, **given):
            codat.keys.append(key)
            raise failing

        codat.create_company = create
        assert send(portal).status_code in (502, 503)
    del codat.create_company
    assert send(portal).status_code == 201
    lost, under_way, refused, broken, made = codat.keys
    assert lost == under_way == refused
    assert len({refused, broken, made}) == 3
    names = {one.name for one in codat.held}
    assert names == {"Pending L-1"}


def test_a_placeholder_without_a_reference_stays_the_same(portal, codat):
    sent = []
    create = codat.create_company

    def lost(name, **given):
        sent.append(name)
        if len(sent) == 1:
            raise errors.Unreachable("no answer in time")
        return create(name, **given)

    codat.create_company = lost
    for _ in range(2):
        answer = portal.post(COMPANIES, json={}, headers=KEY)
    assert answer.status_code == 201
    assert len(set(sent)) == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_kill_at_any_moment_makes_no_second_company_or_journey(codat, path, monkeypatch):
    """Redis is away from the n-th call on, and back for the repeat."""
    for cut in count(1):
        portal, codat = Portal(codat=Counting()), None
        codat = portal.codat
        codat.list_integrations()
        portal.post("/v1/journeys", json={"platforms": ["gbol"]})  # the platforms are read
        before = len(codat.held)
        calls = iter(range(10_000))
        real = portal.client.execute_command

        def cutting(*words, real=real, calls=calls, cut=cut, **more):
            if next(calls) >= cut:
                raise RedisAway("cut")
            return real(*words, **more)

        monkeypatch.setattr(portal.client, "execute_command", cutting)
        first = send(portal, path)
        monkeypatch.setattr(portal.client, "execute_command", real)
        # The lease of whoever was killed is over.
        for key in portal.client.scan_iter(f"{keys.REQUEST}*"):
            portal.client.hset(key, "until", 0)
        again = send(portal, path)
        assert again.status_code == 201, (cut, again.text)
        assert len(codat.held) - before == 1, cut
        assert len(portal.get("/v1/journeys").json["journeys"]) == 1 + (path == "/v1/journeys")
        if first.status_code == 201:
            assert first.json == again.json
            break
    assert cut > 4


def test_a_link_that_was_renewed_or_revoked_since_is_not_given_again(portal):
    made = send(portal).json
    portal.post(f"/v1/journeys/{made['id']}/link", json={})
    answer = send(portal)
    assert (answer.status_code, kind(answer)) == (409, "conflict")
    assert problem(answer)["journey_id"] == made["id"]


@pytest.mark.parametrize("since", ["renewed", "revoked", "expired", "another token"])
def test_a_repeat_after_a_kill_gives_no_link_that_does_not_work(portal, monkeypatch, since):
    def killed(attempt, answer):
        raise RedisAway("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Attempt, "end", killed)
        assert send(portal).status_code == 503
    [journey] = portal.get("/v1/journeys").json["journeys"]
    at = f"/v1/journeys/{journey['id']}"
    if since == "renewed":
        portal.post(f"{at}/link", json={})
    elif since == "revoked":
        portal.post(f"{at}/revoke")
    elif since == "expired":
        portal.store.journeys.change(
            journey["id"], lambda held: Change(replace(held, expires=held.created))
        )
    else:
        monkeypatch.setattr(routes, "presented", lambda: "another of the same caller's")
    for _ in range(2):
        answer = send(portal)
        assert (answer.status_code, kind(answer)) == (409, "conflict")
        assert problem(answer)["journey_id"] == journey["id"]


def test_inviting_an_existing_company_again_is_one_journey(portal):
    portal.hold(make_company(1, "Deauthorized"))
    body = {"company_id": company_id(1)}
    answers = [portal.post("/v1/journeys", json=body, headers=KEY).json for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["reconnects"]
    assert len(portal.get("/v1/journeys").json["journeys"]) == 1


def test_a_key_is_kept_for_a_day(portal):
    send(portal)
    [key] = portal.client.scan_iter(f"{keys.REQUEST}*")
    assert 86_000_000 < portal.client.pttl(key) <= 86_400_000


@pytest.mark.parametrize("key", ["x" * 256, "ä", "a b"])
def test_a_key_that_is_none_is_refused(portal, codat, key):
    answer = send(portal, headers={"Idempotency-Key": key})
    assert kind(answer) == "invalid"
    assert codat.held == []


def test_one_tag_is_left_for_finding_the_company(portal, codat):
    tags = {str(n): "x" for n in range(10)}
    assert kind(send(portal, COMPANIES, tags=tags)) == "invalid"
    assert send(portal, COMPANIES, {}, tags=tags).status_code == 201
    answer = send(portal, COMPANIES, KEY | {"Idempotency-Key": "other"}, tags={"a": "b"})
    assert answer.status_code == 201
    assert set(codat.held[-1].tags) == {"a", "relayRequest"}


def test_the_api_document_describes_the_key(portal):
    paths = portal.get("/openapi.json").json["paths"]
    for path in PATHS:
        told = paths[path]["post"]
        assert [p["name"] for p in told["parameters"] if p["in"] == "header"] == ["Idempotency-Key"]
        assert "24 hours" in told["description"]
        assert re.search("Idempotency-Key", told["responses"]["409"]["description"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", ["timeout", "broken"])
def test_over_a_socket_a_lost_answer_makes_no_second_company(path, fault):
    with running() as (sandbox, ask):
        port = int(sandbox.url.rpartition(":")[2])
        with Codat("sandbox", sandbox.url, timeout=(2, 5)) as codat:
            portal = Portal(codat=codat, sandbox_port=port)
            portal.get("/v1/integrations")
            create = codat._transport.send

            def lost(method, at, **more):
                answer = create(method, at, **more)
                if method == "POST" and at == "/companies" and not given:
                    given.append(at)
                    raise (
                        errors.Unreachable("no answer in time")
                        if fault == "timeout"
                        else errors.CodatBroken("x", status=502)
                    )
                return answer

            given = []
            codat._transport.send = lost
            assert send(portal, path).status_code == 503
            assert send(portal, path).status_code == 201
            assert len(ask("GET", "/companies").json()["results"]) == 1
