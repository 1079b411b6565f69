"""What any reader of JSON understands is read, and what is read can be written again."""

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat.bodies import MAX_DEPTH, load

GONE = "\N{REPLACEMENT CHARACTER}"
ODD = {
    "half a pair, the first": (rb'{"a":"x\ud83dy"}', {"a": f"x{GONE}y"}),
    "half a pair, the second": (rb'{"a":"x\ude00y"}', {"a": f"x{GONE}y"}),
    "halves in the wrong order": (rb'{"a":"\ude00\ud83d"}', {"a": GONE * 2}),
    "half a pair in a name": (rb'{"\ud800":1}', {GONE: 1}),
    "half a pair beside a whole one": (rb'{"a":"\ud83d\ude00\ud83d"}', {"a": "😀" + GONE}),
    "a stroke before what looks like one": (
        rb'{"a":"\\ud800","b":NaN}',
        {"a": "\\ud800", "b": None},
    ),
    "halves written by themselves": (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', {"a": "😀"}),
    "a byte order mark": (b'\xef\xbb\xbf{"a":"\xc3\xa9"}', {"a": "é"}),
    "bytes that are no text": (b'{"a":"Caf\xe9 Ltd"}', {"a": f"Caf{GONE} Ltd"}),
    "text cut within a letter": (b'{"a":"Caf\xc3"}', {"a": f"Caf{GONE}"}),
    "no number": (b'{"a":NaN,"b":Infinity,"c":-Infinity}', {"a": None, "b": None, "c": None}),
    "numbers out of range": (b'{"a":1e400,"b":-1e400}', {"a": None, "b": None}),
    "a number of many digits": (b'{"a":' + b"9" * 5000 + b"}", {"a": None}),
    "a number past 64 bits": (b'{"a":NaN,"b":99999999999999999999}', {"a": None, "b": 1e20}),
    "control characters": (
        b'{"a":"x\x00\x01\n\ty","b\r":"\x1b"}',
        {"a": "x\x00\x01\n\ty", "b\r": "\x1b"},
    ),
    "a name twice": (b'{"a":1,"a":2,"b":NaN}', {"a": 2, "b": None}),
    "brackets in texts": (b'{"a":"[[{\\"[","b":NaN}', {"a": '[[{"[', "b": None}),
    "UTF-16": ('{"a":"é😀"}'.encode("utf-16"), {"a": "é😀"}),
    "UTF-16, the other way round": (b"\xfe\xff" + '{"a":"é"}'.encode("utf-16-be"), {"a": "é"}),
    "UTF-16 without a mark": ('{"a":"é"}'.encode("utf-16-le"), {"a": "é"}),
    "UTF-32": ('{"a":"é😀"}'.encode("utf-32"), {"a": "é😀"}),
    "half a pair in UTF-16": ('{"a":"\ud800"}'.encode("utf-16", "surrogatepass"), {"a": GONE}),
}


@pytest.mark.parametrize(("body", "value"), ODD.values(), ids=ODD.keys())
def test_what_a_strict_parser_refuses_is_read(body, value):
    assert load(body) == value
    assert orjson.loads(orjson.dumps(load(body))) == value


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 1000, 50_000])
def test_what_is_nested_too_deeply_is_left_out_alone(opening, depth):
    """The outermost object counts."""
    closing = "]" if opening == "[" else "}"
    inner = opening * (depth - 1) + "1" + closing * (depth - 1)
    read = load(f'{{"before":1,"deep":{inner},"after":[2]}}'.encode())
    assert orjson.dumps(read)
    assert (read["before"], read["after"]) == (1, [2])
    deep, steps = read["deep"], 1
    while isinstance(deep, (list, dict)):
        (deep,) = deep if isinstance(deep, list) else deep.values()
        steps += 1
    assert (deep, steps) == (1 if depth == MAX_DEPTH else None, MAX_DEPTH)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":NaN',
        b'{"a":NaN}}',
        b'{"a":nan}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 99_999,
        b'["' + b'\\"' * 100_000,
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"a=1&b=2",
        b"\x00" * 1000,
    ],
)
def test_an_unreadable_body_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 (as wide as what the caller catches)
        load(body)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(body):
    try:
        assert orjson.dumps(load(body))
    except ValueError:
        return


texts = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(["\ud83d\ude00", "\udcff"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]), st.booleans())
def test_what_another_writer_writes_is_read_as_it_was(value, encoding, escaped):
    text = json.dumps(value, ensure_ascii=escaped)
    read = load(text.encode(encoding, "surrogatepass"))
    assert orjson.loads(orjson.dumps(read)) == read
    assert _plain(read) == _plain(value)


def _plain(value):
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if type(value) is int else value  # whole numbers past 64 bits are rounded
