"""What opens something for whoever reads it is hidden, wherever it stands; all else stays."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codat.capabilities import (
    HIDDEN,
    hidden,
    hidden_body,
    hidden_json,
    hidden_text,
    is_capability,
)

SECRET = "Zq7-Zq7-Zq7-Zq7-Zq7-Zq7"
NAMES = [
    *("inviteUrl", "reconnect_url", "oneTimeLink", "resetLink", "linkURL1", "link_url_2"),
    *("secretKey", "signing_key", "accessKey", "tokenValue", "sessionId", "jwt", "pin", "pwd"),
    *("securityCode", "mfaCode", "code_verifier", "clientAssertion", "alertAuthHeader"),
    "linkUrl",
    "LinkUrl",
    "link_url",
    "link-uri",
    "redirect",
    "Redirect",
    "redirectUrl",
    "redirect_uri",
    "authUrl",
    "authorizationUrl",
    "loginLink",
    "accessToken",
    "access_token",
    "refresh_token",
    "id_token",
    "connectionManagementToken",
    "token",
    "tokens",
    "clientSecret",
    "secret",
    "webhookSecrets",
    "password",
    "oneTimePassword",
    "passcode",
    "otp",
    "apiKey",
    "api key",
    "x-api-key",
    "private_key",
    "Authorization",
    "credentials",
    "cookie",
    "authorizationCode",
    "verification_code",
    "oauthState",
    "oauth",
]
PLAIN_NAMES = [
    *("pinned", "passed", "spin", "sessions", "tokensUsed", "tokenType", "keys", "authorId"),
    "id",
    "name",
    "description",
    "platformKey",
    "platform_key",
    "integrationKey",
    "pushOperationKey",
    "statusCode",
    "code",
    "state",
    "links",
    "webLinks",
    "logoUrl",
    "portal",
    "status",
    "identity_mark",
    "previous",
    "placeholder",
    "author",
    "linked",
    "redirected",
]
LINK = f"https://link.codat.io/company/{SECRET}"
CALL_BACK = f"https://x.example/cb?code={SECRET}"
# The same, written otherwise than they read.
WRITTEN = [
    quote(LINK, safe=""),
    quote(quote(LINK, safe=""), safe=""),
    quote(quote(quote(LINK, safe=""), safe=""), safe=""),
    LINK.replace(".", "%2E"),
    LINK.replace("/", "&#47;"),
    LINK.replace("/", "&#x2F;"),
    LINK.replace("codat.io", "codat.io."),
    LINK.replace(".", "．"),
    LINK.replace("dat", "\u200bdat"),
    CALL_BACK.replace("?", "?a=1&amp;").replace("=", "&#61;"),
    quote(quote(CALL_BACK, safe=""), safe=""),
    f"https://relay.example%2Flink%2F{SECRET}",
]
PACKED = [
    b64encode(LINK.encode()).decode(),
    b64encode(json.dumps({"linkUrl": LINK}).encode()).decode(),
    urlsafe_b64encode(f"??>>{CALL_BACK}".encode()).decode().rstrip("="),
    "data:text/plain;base64," + b64encode(LINK.encode()).decode(),
    "https://x.example/go/" + urlsafe_b64encode(LINK.encode()).decode(),
]
SAID = [
    f"token: {SECRET}",
    f"otp = {SECRET}",
    f"accessToken='{SECRET}'",
    f"Password: {SECRET}",
    f"X-Api-Key: {SECRET}",
    f"Authorization: Token {SECRET}",
    f"Set-Cookie: sid={SECRET}; Path=/",
    f"Your one-time code is {SECRET}",
    f"https://x.example/?token[]={SECRET}",
    f"https://x.example/?token%5B0%5D={SECRET}",
    f"https://x.example/?access_code={SECRET}",
    f"https://x.example/?authkey={SECRET}",
    f"https://x.example/?pin={SECRET}",
]
HOOKS = (
    "hooks.slack.com/services",
    "hooks.slack.com/workflows/T0/A0",
    "discord.com/api/webhooks",
    "ptb.discordapp.com/api/webhooks",
    "hooks.zapier.com/hooks/catch",
    "firm.webhook.office.com/webhookb2",
    "hook.eu1.make.com",
    "api.telegram.org/bot123:x",
    "maker.ifttt.com/trigger/x/with/key",
)
SECRET_TEXTS = [
    *(f"https://{hook}/{SECRET}" for hook in HOOKS),
    f"posted to HTTPS://hooks.slack.com/services/T000/B000/{SECRET}: 404",
    *(text for text in WRITTEN if "\u200b" not in text and "．" not in text),
    f"https://link.codat.io/company/{SECRET}",
    f"https://link-api.codat.io/companies/c/connections/d/start?otp={SECRET}",
    f"https://link-uat.codat.io/company/{SECRET}",
    f"https://link-api-uat.codat.io/{SECRET}",
    f"HTTPS://LINK.CODAT.IO/company/{SECRET}",
    f"open link.codat.io/company/{SECRET} now",
    f"https://x.example/go?to=https%3A%2F%2Flink.codat.io%2Fcompany%2F{SECRET}",
    f"https://x.example/cb?code={SECRET}&state=1",
    f"https://x.example/cb?a=1&state={SECRET}",
    f"https://x.example/cb#access_token={SECRET}",
    f"https://x.example/cb?a=1;refresh_token={SECRET}",
    f"https://x.example/go?to=%2Fcb%3Fcode%3D{SECRET}",
    f"https://x.example/hook?api-key={SECRET}",
    f"https://x.example/hook?X-Amz-Signature={SECRET}",
    f"https://x.example/hook?sig={SECRET}",
    f"https://user:{SECRET}@x.example/hook",
    f"https://relay.example.com/link/{SECRET}",
    f"otp={SECRET}",
    f"the password={SECRET} was refused",
    f"whsec_{SECRET.replace('-', '')}",
    f"Authorization: Bearer {SECRET}",
    f"basic {SECRET}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + SECRET,
]
PLAIN_TEXTS = [
    "",
    "Quayside Bakery Ltd",
    "https://app.codat.io/companies/1/overview",
    "https://slack.com/help/articles/webhooks",
    "https://discord.com/channels/1",
    "https://hooks.example/services/T000/B000/x",
    "https://hook.firm.example/codat",
    "https://static.codat.io/public/platforms/gbol.png",
    "https://api.codat.io/companies?page=1&pageSize=100",
    "https://docs.codat.io/using-the-api/webhooks#link",
    "User cancelled",
    "the code was 403, the state TX",
    "code=403",
    "Basic data",
    "Bearer of news",
    "linked to codat.io",
    "1 = 1",
    *("Basic Industries Ltd", "Bearer Logistics GmbH", "Basic McDonald Supplies"),
    *("Refresh token: expired", "Password: required", "Authorization: ask the customer again"),
    *("Cookies: 100% Good", "Status code: 40312", "Sort code is 123456", "1% AT&T &c; \\u"),
    *("Köln%20Süd & Söhne", "aGVsbG8gd29ybGQgaG93IGFyZSB5b3U=", "https://x.example/a%2Fb?c=%25"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_under_such_a_name_is_hidden(name):
    assert is_capability(name)
    for value in (SECRET, [SECRET], {"a": SECRET}, 7123456):
        raw = orjson.dumps({"a": [{name: value, "b": 1}]})
        assert hidden(orjson.loads(raw)) == {"a": [{name: HIDDEN, "b": 1}]}
        assert orjson.loads(hidden_json(raw)) == {"a": [{name: HIDDEN, "b": 1}]}
    nothing = {name: None, "a": [{name: ""}, {name: False}]}
    assert hidden(nothing) == nothing


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_what_stands_under_another_name_is_shown(name):
    assert hidden({name: "shown"}) == {name: "shown"}


def test_a_code_and_a_state_beside_each_other_are_hidden():
    """By themselves they are an error's or a country's; together they are a sign-in's."""
    assert hidden({"Code": SECRET, "state": "s", "a": 1}) == {
        "Code": HIDDEN,
        "state": HIDDEN,
        "a": 1,
    }


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_what_has_the_shape_of_one_is_hidden_wherever_it_stands(text):
    for around in ("{}", "see {} please", '"{}"', "<{}>", "({})"):
        shown = hidden_text(around.format(text))
        assert HIDDEN in shown
        assert SECRET not in shown
        assert SECRET.replace("-", "") not in shown
    raw = json.dumps({"note": text, text: ["x"]}).encode()
    assert SECRET.encode() not in hidden_json(raw).replace(b"-", b"") + hidden_json(raw)
    for body in (raw[:-1], raw.replace(b"/", b"\\/")[:-3], raw.replace(b"h", b"\\u0068")[:-1]):
        assert SECRET not in hidden_body(body.decode())


@pytest.mark.parametrize("text", PLAIN_TEXTS)
def test_other_texts_are_shown_as_they_are(text):
    assert hidden_text(text) == text
    raw = orjson.dumps({"note": text})
    assert hidden_json(raw) == raw


@pytest.mark.parametrize("text", [*WRITTEN, *PACKED, *SAID])
def test_what_is_written_otherwise_than_it_reads_is_hidden(text):
    for around in ("{}", "see {} please", '"{}"', "<a href='{}'>", "({})", "a,{};b"):
        shown = hidden_text(around.format(text))
        assert HIDDEN in shown
        assert SECRET not in shown
        assert not any(part in shown for part in PACKED)
        assert hidden_text(shown) == shown
        raw = orjson.dumps({"note": [around.format(text)]})
        assert orjson.loads(hidden_json(raw)) == {"note": [shown]}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "linkUrl", "value": SECRET},
        {"Key": "X-Api-Key", "Value": SECRET},
        ["token", SECRET],
        json.dumps({"accessToken": SECRET}),
        json.dumps([json.dumps({"redirectUrl": SECRET})]),
        f'the answer was {{"accessToken": "{SECRET}"}}',
        json.dumps(f'the answer was {{"accessToken": "{SECRET}"}}'),
    ],
)
def test_a_value_whose_name_stands_beside_it_is_hidden(value):
    shown = orjson.dumps(hidden({"a": [value]}))
    assert SECRET.encode() not in shown
    assert HIDDEN.encode() in shown
    assert hidden_json(orjson.dumps({"a": [value]})) == shown


def test_an_address_still_shows_whose_it_is():
    assert hidden_text("at https://link.codat.io/a?b=c.") == f"at https://link.codat.io/{HIDDEN}"
    found = hidden_text("https://x.example/cb?code=abc&page=2")
    assert found == f"https://x.example/cb?code={HIDDEN}&page=2"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body",
    [
        '{{"{}":"{}","a":',
        '{{"{}" : {}',
        '{{"a":{{"{}":[1,["{}"',
        '{{"{}":"x\\"{}',
        '{{"{}":{{"b":"{}"',
    ],
)
def test_a_body_that_cannot_be_read_shows_none_either(name, body):
    assert SECRET not in hidden_body(body.format(name, SECRET))


names = st.sampled_from(NAMES)
plain = st.none() | st.booleans() | st.integers(0, 99) | st.sampled_from(PLAIN_TEXTS)
holding = st.builds(lambda name: {name: SECRET}, names) | st.sampled_from(SECRET_TEXTS)
nested = st.recursive(
    plain | holding,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(PLAIN_NAMES) | names, inner, max_size=4)
    ),
    max_leaves=15,
)


@given(nested)
def test_none_is_found_however_deep_it_lies(value):
    raw = orjson.dumps(hidden(value))
    assert SECRET.encode() not in raw
    assert SECRET.replace("-", "").encode() not in raw
    assert hidden(orjson.loads(raw)) == orjson.loads(raw)
    assert orjson.loads(hidden_json(orjson.dumps(value))) == orjson.loads(raw)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a.",
        "link",
        "://",
        '"a"',
        '"\\"',
        "eyJ",
        "otp",
        "?code",
        "bearer ",
        "\\u00",
        "%25",
        "token:",
        "aB3/",
        "é&",
    ],
)
def test_a_long_body_takes_no_longer_than_it_must(piece):
    """Shapes that look back would take minutes for these."""
    assert hidden_body(piece * (256 * 1024 // len(piece)))


PIECES = [
    *(*NAMES, *PLAIN_NAMES, *SECRET_TEXTS, *PLAIN_TEXTS, *WRITTEN, *PACKED, *SAID),
    *("link", "key", "pin", "code", "state", "session", "access", "sign in", "one-time", "was"),
    *(" ", ":", ": ", "=", '"', "'", "/", "?", "&", "@", "://", "-", "_", ".", "{", "}", "\\"),
    *("%3d", "é", "\u200b", "ｔ", "İ", "9f86d081-884c-4d65-9a2f-eaa0c55ad015", SECRET, "Ab12" * 5),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.lists(texts, max_size=2) | st.dictionaries(texts, texts, max_size=2))
def test_the_quick_look_overlooks_nothing(value, monkeypatch):
    """Most texts are passed by at a glance; the long way must find nothing in those."""
    quick = hidden(value)
    with monkeypatch.context() as slow:
        slow.setattr("codat.capabilities._may_hold", lambda _: True)
        assert quick == hidden(value)


readable = texts.map(lambda text: text.encode("utf-8", "ignore").decode())


@given(st.dictionaries(readable, readable, max_size=2))
def test_json_is_looked_through_as_its_texts_are(value):
    assert orjson.loads(hidden_json(orjson.dumps(value))) == hidden(value)
