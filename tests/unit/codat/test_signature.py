"""Only what Codat signed, lately and with our secret, gets through; all else is Refused."""

import base64
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from codat import signature
from codat.signature import Refused, authorised, new_secret, prepare, verify
from support.published import load, needs_published

SECRET = "whsec_" + base64.b64encode(b"quayside-bakery-signing-key-0001").decode()
OTHER = "whsec_" + base64.b64encode(b"quayside-bakery-signing-key-0002").decode()
BODY = '{"eventType":"company.created","name":"Zoë"}'.encode()
NOW = 1_780_000_000
ID = "msg_2kQ9"
PREPARED = prepare([SECRET])


def signed(family: str = "webhook", **changed: str) -> dict[str, str]:
    made = signature.headers(SECRET, ID, NOW, BODY)
    made = {name.replace("webhook", family): value for name, value in made.items()}
    made.update({f"{family}-{part}": value for part, value in changed.items()})
    return made


def reason(headers: dict[str, str], body: bytes = BODY, now: float = NOW, secrets=PREPARED) -> str:
    with pytest.raises(Refused) as refused:
        verify(secrets, headers, body, now)
    assert str(refused.value) == refused.value.reason
    return refused.value.reason


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_a_signed_message_gives_its_id(family):
    assert verify(PREPARED, signed(family), BODY, NOW) == ID


def test_header_names_are_read_in_any_case():
    headers = {name.title(): value for name, value in signed().items()}
    assert verify([SECRET], headers, BODY, NOW) == ID


def test_each_of_several_secrets_serves_while_one_replaces_the_other():
    assert verify([OTHER, SECRET], signed(), BODY, NOW) == ID
    assert verify(prepare([SECRET, OTHER]), signed(), BODY, NOW) == ID
    assert reason(signed(), secrets=[OTHER]) == "no signature matches"


def test_without_a_secret_nothing_gets_through():
    assert reason(signed(), secrets=[]) == "no signature matches"


def test_one_good_signature_among_others_is_enough():
    good = signed()["webhook-signature"]
    wrong = signature.sign(OTHER, ID, NOW, BODY)
    many = f"v1a,abc {wrong} v2,zzz {good}"
    assert verify(PREPARED, signed(signature=many), BODY, NOW) == ID


@pytest.mark.parametrize("late", [-300, -299.5, 0, 300])
def test_five_minutes_either_way_are_allowed(late):
    assert verify(PREPARED, signed(), BODY, NOW + late) == ID


@pytest.mark.parametrize("late", [-301, 300.5, 301, 86_400])
def test_more_than_five_minutes_either_way_are_not(late):
    assert reason(signed(), now=NOW + late) == "the timestamp is too old or too new"


def test_without_now_the_clock_decides():
    headers = signature.headers(SECRET, ID, int(time.time()), BODY)
    assert verify(PREPARED, headers, BODY) == ID
    old = signature.headers(SECRET, ID, 1_700_000_000, BODY)
    assert reason(old, now=None) == "the timestamp is too old or too new"


def test_any_single_bit_flipped_in_the_body_refuses_it():
    for place in range(len(BODY) * 8):
        flipped = bytearray(BODY)
        flipped[place // 8] ^= 1 << place % 8
        assert reason(signed(), bytes(flipped)) == "no signature matches"


@pytest.mark.parametrize("part", ["id", "timestamp", "signature"])
def test_any_single_bit_flipped_in_a_header_refuses_it(part):
    value = signed()[f"webhook-{part}"]
    for place in range(len(value) * 7):
        flipped = bytearray(value.encode())
        flipped[place // 7] ^= 1 << place % 7
        assert reason(signed(**{part: flipped.decode("ascii")}))


@pytest.mark.parametrize("part", ["id", "timestamp", "signature"])
def test_a_missing_header_is_refused(part):
    headers = signed()
    del headers[f"webhook-{part}"]
    assert reason(headers) == "a signature header is missing"
    assert reason(signed(**{part: ""})) == "a signature header is missing"


def test_no_headers_are_refused():
    assert reason({"Content-Type": "application/json"}) == "no signature headers"


def test_two_header_families_are_never_read_together():
    both = signed() | signed("svix")
    fresh_id = signed() | {"svix-id": "msg_fresh"}
    mixed = {**signed("svix"), "webhook-id": ID}
    del mixed["svix-id"]
    for headers in (both, fresh_id, mixed):
        assert reason(headers) == "two kinds of signature headers"


@pytest.mark.parametrize(
    "timestamp",
    [
        "178000000",
        "17800000000",
        " 1780000000",
        "1780000000\n",
        "178_000_000",
        "1780000000.0",
        "+178000000",
        "１７８０００００００",
        "1.78e9",
        "-178000000",
        "NaN",
        "x" * 10,
    ],
)
def test_a_timestamp_is_ten_digits_and_nothing_else(timestamp):
    assert reason(signed(timestamp=timestamp)) == "the timestamp is malformed"


@pytest.mark.parametrize("message_id", ["a,b", "x" * 257, "a\nb", "ü", "\x00", "a\x7f"])
def test_an_odd_message_id_is_refused_even_when_signed(message_id):
    headers = signature.headers(SECRET, message_id, NOW, BODY)
    assert reason(headers) == "the message id is malformed"


@pytest.mark.parametrize(
    "text",
    ["v1", "v1,", "v1,!!!!", "v1,AAAA", "v1,A", "v2,AAAA", "AAAA", ",", " ", "v1 ,x", "v1,é"],
)
def test_a_malformed_signature_is_refused(text):
    assert reason(signed(signature=text))


def test_the_signature_must_be_whole():
    good = signed()["webhook-signature"]
    for cut in range(len(good)):
        assert reason(signed(signature=good[:cut]))
    assert reason(signed(signature=good + "="))


def test_more_than_ten_signatures_are_not_tried():
    good = signed()["webhook-signature"]
    ten = " ".join(["v1,AAAA"] * 9 + [good])
    assert verify(PREPARED, signed(signature=ten), BODY, NOW) == ID
    assert reason(signed(signature="v1,AAAA " + ten)) == "too many signatures"


def test_a_signature_header_over_a_kilobyte_is_refused():
    good = signed()["webhook-signature"]
    fits = f"v9,{'x' * (1024 - len(good) - 4)} {good}"
    assert verify(PREPARED, signed(signature=fits), BODY, NOW) == ID
    assert reason(signed(signature="v9," + fits)) == "the signature header is malformed"


@given(st.binary(max_size=40))
def test_any_bytes_that_were_signed_are_verified_and_no_others(body):
    """The signature is over bytes, whatever they mean (Standard Webhooks, "Signature scheme")."""
    headers = signature.headers(SECRET, ID, NOW, body)
    assert verify(PREPARED, headers, body, NOW) == ID
    assert reason(headers, body + b"\xff") == "no signature matches"
    assert reason(headers, b"\xff" + body) == "no signature matches"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_library_of_the_scheme_signs_text_alike(text):
    library = standardwebhooks.Webhook(SECRET)
    made = library.sign(ID, datetime.fromtimestamp(NOW, tz=UTC), text)
    assert signature.sign(SECRET, ID, NOW, text.encode()) == made


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "svix-id"]),
        st.text(max_size=12) | st.sampled_from([ID, str(NOW), "v1,AAAA", "v1"]),
    ),
    st.binary(max_size=12),
)
def test_nothing_but_refused_is_raised(headers, body):
    with pytest.raises(Refused):
        verify(PREPARED, headers, body, NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_====",
        "quayside",
        "whsec_c2hvcnQ=",
        "whsec_no spaces in base64 text!",
        "whsec_ümlautümlautümlautüm",
        "whsec_AAAAA",
        SECRET.removeprefix("whsec_"),
        SECRET + "*",
    ],
)
def test_a_malformed_secret_is_named_but_not_shown(secret):
    with pytest.raises(ValueError, match="signing secret") as refused:
        prepare([SECRET, secret])
    shown = secret.removeprefix("whsec_")
    assert not shown.strip("=") or shown not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_secret_serves_with_or_without_its_padding():
    padded = "whsec_" + base64.b64encode(b"a key of twenty-two by").decode()
    assert padded.endswith("=")
    headers = signature.headers(padded, ID, NOW, BODY)
    assert verify([padded.rstrip("=")], headers, BODY, NOW) == ID


def test_a_verifier_does_not_show_its_secret():
    assert repr(PREPARED) == "(Verifier(...),)"


def test_new_secrets_are_fresh_and_serve():
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    secret = made.pop()
    assert verify([secret], signature.headers(secret, ID, NOW, BODY), BODY, NOW) == ID


@needs_published
def test_the_published_example_is_verified_and_signed_alike():
    example = load("signature/docs-example-vector.json")
    body = example["body"].encode()
    message_id = example["headers"]["webhook-id"]
    moment = int(example["headers"]["webhook-timestamp"])
    assert verify([example["secret"]], example["headers"], body, moment) == message_id
    assert signature.headers(example["secret"], message_id, moment, body) == example["headers"]


@pytest.mark.parametrize("given", ["Bearer abc", "Basic Zm9v"])
def test_each_accepted_authorization_is_authorised(given):
    assert authorised(["Bearer abc", "Basic Zm9v"], given)


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer ab", "Bearer abcd", "bearer abc", " Bearer abc", "é", "\udcff"],
)
def test_any_other_authorization_is_not(given):
    assert not authorised(["Bearer abc"], given)


@pytest.mark.parametrize("given", [None, "", "anything"])
def test_without_an_accepted_secret_every_webhook_is_refused(given):
    assert not authorised([], given)
    assert not authorised([""], given)


def test_an_authorization_beyond_ascii_is_compared_by_its_bytes():
    as_wsgi_hands_it_over = "Bearer Zoë".encode().decode("latin-1")
    assert authorised(["Bearer Zoë"], as_wsgi_hands_it_over)
