"""A lane's entry is read back as what was put in: a webhook as it was signed, an action of ours."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat.webhook import Event, Malformed
from relay.inbox.message import Action, Message, action_fields, fingerprint, webhook_fields

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FIELDS = {
    "source": "default",
    "message_id": "msg_1",
    "event_type": "company.created",
    "company_id": "c-1",
}


def entry(fields, id="1767690000123-7"):
    """The message that is read from a stream entry with these fields."""
    stored = {
        name.encode(): value if isinstance(value, bytes) else value.encode()
        for name, value in fields.items()
    }
    return Message.from_entry(id.encode(), stored)


@given(texts, texts, texts, texts, st.binary(max_size=100))
def test_a_webhook_is_read_back_byte_for_byte(source, message_id, event_type, company_id, body):
    fields = webhook_fields(
        source=source,
        message_id=message_id,
        event_type=event_type,
        company_id=company_id,
        body=body,
    )
    read = entry(fields)
    assert read == Message(
        "1767690000123-7",
        "webhook",
        source,
        message_id,
        event_type,
        company_id or None,
        1767690000123,
        body,
    )


def test_a_webhook_without_a_company_has_none():
    fields = webhook_fields(**FIELDS | {"company_id": None}, body=b"{}")
    assert entry(fields).company_id is None


def test_a_webhook_is_parsed_when_it_is_read():
    body = b'{"id":"e-1","eventType":"company.created","payload":{"id":"C-1"}}'
    event = entry(webhook_fields(**FIELDS, body=body)).read()
    assert isinstance(event, Event)
    assert (event.id, event.type, event.company_id) == ("e-1", "company.created", "c-1")


def test_a_webhook_that_is_no_event_is_malformed():
    message = entry(webhook_fields(**FIELDS, body=b"<html>"))
    with pytest.raises(Malformed):
        message.read()


payloads = st.dictionaries(texts, st.none() | st.integers(-(2**53), 2**53) | texts, max_size=4)
actions = st.builds(
    Action, texts, texts, texts.filter(bool), st.integers(0, 2**52), payload=payloads
)


@given(actions)
def test_an_action_is_read_back_as_it_was_written(action):
    message = entry(action_fields(action))
    assert message.read() == action
    assert (message.kind, message.source) == ("action", "default")
    assert (message.message_id, message.type) == (action.id, action.type)


def test_an_actions_version_is_when_it_was_asked():
    early, late = Action("b", "t", "c", 1, {}), Action("a", "t", "c", 2, {})
    assert early.version < late.version
    assert Action("a", "t", "c", 1, {}).version < early.version


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b"{}", b'{"at":1}', b'{"payload":{}}']
)
def test_an_action_that_cannot_be_read_is_malformed(body):
    fields = {**action_fields(Action("a", "relay.renamed", "c", 1, {})), "body": body}
    with pytest.raises(Malformed, match="not an action of ours"):
        entry(fields).read()


def test_an_entry_of_fields_that_are_not_text_is_still_read():
    fields = webhook_fields(**FIELDS, body=b"\xff")
    stored = {k.encode(): v if isinstance(v, bytes) else v.encode() for k, v in fields.items()}
    stored |= {b"id": b"\xff", b"type": b"\xfe", b"company": b"c"}
    read = Message.from_entry(b"5-0", stored)
    assert (read.message_id, read.type, read.received) == ("\ufffd", "\ufffd", 5)


def test_the_payload_of_an_action_is_json():
    body = action_fields(Action("a", "t", "c", 7, {"name": "Bäckerei"}))["body"]
    assert orjson.loads(body) == {"at": 7, "payload": {"name": "Bäckerei"}}


ODD = '{"id": "e", "a": ["é", %s], "b": {"x": 1, "y": "z"}}'
TURNED = '{"b":{"y":"z","x":1},\r\n"a":["\\u00e9",%s],"id":"e"}'
ODD_VALUES = [
    "1",
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 5000,
    r'"\ud83d"',
    '"\x01\x00"',
    "[" * 90 + "]" * 90,
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: value[:12])
def test_a_resend_is_known_however_it_is_written(value):
    """Other spaces, another order of fields, another encoding; also of what is odd JSON."""
    written = {
        fingerprint("e", (text % value).encode(encoding))
        for text in (ODD, TURNED)
        for encoding in ENCODINGS
    }
    assert len(written) == 1


def test_a_resend_of_bytes_that_are_no_text_is_recognised():
    bodies = [(text % "1").replace("\\u00e9", "é").encode("latin-1") for text in (ODD, TURNED)]
    assert len({fingerprint("e", body) for body in bodies}) == 1


def test_two_bodies_that_differ_are_two_however_odd_they_are():
    bodies = [(ODD % value).encode() for value in ODD_VALUES]
    bodies += [(ODD % value).encode() for value in ("1e401", "Infinity", "null", "9" * 5001, "1.0")]
    bodies += [(ODD % r'"\ude00"').encode(), (ODD % '"\ufffd"').encode(), (ODD % '"\x01"').encode()]
    bodies += [text.encode("latin-1") for text in (ODD % "1", ODD.replace("é", "è") % "1")]
    bodies += [(ODD % ("1" + "0" * 20 + end)).encode() for end in ("1", "2", "1.5")]
    bodies += [(ODD % f"0.1234567890123456{end}").encode("utf-16") for end in (78, 79)]
    bodies += [b"", b"x", b"\x00", b"[" * 100_000, b"{" * 100_000, b'{"a":NaN', b"\xff\xfe{"]
    bodies += [b"[" * 2000 + b"NaN" + b"]" * 2000, b"[" * 5000 + b"NaN" + b"]" * 5000]
    assert len({fingerprint("e", body) for body in bodies}) == len(bodies)
    assert fingerprint("e", bodies[0]) != fingerprint("f", bodies[0])
