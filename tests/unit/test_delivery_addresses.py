"""We post to public addresses and to named private networks, whatever an address is dressed as."""

import threading
from ipaddress import ip_address, ip_network

import pytest

from relay.delivery.addresses import (
    Forbidden,
    check_addresses,
    check_literal,
    is_public,
    parse,
    resolve,
)

PUBLIC = "93.184.216.34"
BAD = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1",
    "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2001:0:7f00:1::", "::127.0.0.1", "fec0::1", "3fff::1", "192.88.99.1",
]  # fmt: skip


@pytest.mark.parametrize("address", BAD)
def test_no_private_address_is_public_however_it_is_wrapped(address):
    assert not is_public(ip_address(address))
    with pytest.raises(Forbidden):
        check_addresses(parse("https://x.test/"), [address], [])


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_public_addresses_are_posted_to(address):
    assert check_addresses(parse("https://x.test/"), [address], []) == [address]


def test_one_bad_address_among_good_ones_is_enough_to_refuse():
    with pytest.raises(Forbidden, match="not a public address"):
        check_addresses(parse("https://x.test/"), [PUBLIC, "10.0.0.1"], [])
    with pytest.raises(Forbidden, match="has no address"):
        check_addresses(parse("https://x.test/"), [], [])


def test_a_named_private_network_takes_http_on_any_port():
    named = [ip_network("10.1.0.0/16")]
    assert check_addresses(parse("http://x.test:80/"), ["10.1.2.3"], named) == ["10.1.2.3"]
    with pytest.raises(Forbidden):
        check_addresses(parse("http://x.test/"), ["10.2.2.3"], named)


def test_the_internet_takes_https_and_no_other_services_ports():
    with pytest.raises(Forbidden, match="http://"):
        check_addresses(parse("http://x.test/"), [PUBLIC], [])
    with pytest.raises(Forbidden, match="port 25"):
        check_addresses(parse("https://x.test:25/"), [PUBLIC], [])
    assert check_addresses(parse("https://x.test:8443/"), [PUBLIC], []) == [PUBLIC]


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://x.test/", "https://", "https://u:p@x.test/", "https://u@x.test/",
        "https://x.test/#f", "https://x.test:99999/", "https://x.test/\r\nHost: y", "https://é.test/",
        "https://x.test/" + "a" * 2048, "https://[::1/", "javascript:alert(1)", "//x.test/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(url):
    with pytest.raises(Forbidden):
        parse(url)


def test_a_url_is_split_into_its_parts():
    target = parse("https://x.test:8443/a/b?c=d")
    assert (target.secure, target.host, target.port, target.path) == (
        True,
        "x.test",
        8443,
        "/a/b?c=d",
    )
    assert target.authority == "x.test:8443"
    assert parse("https://x.test").authority == "x.test"
    assert parse("http://[::1]:81").authority == "[::1]:81"


def test_hosts_written_as_addresses_are_judged_at_once():
    with pytest.raises(Forbidden):
        check_literal(parse("https://[::ffff:127.0.0.1]/"), [])
    check_literal(parse("https://x.test/"), [])


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "localhost", "127.1"])
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises(Forbidden):
        check_addresses(parse(f"https://{host}/"), resolve(host, 443), [])


def test_a_slow_lookup_is_abandoned(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: answered.wait() and [])
    with pytest.raises(Forbidden, match="took longer"):
        resolve("x.test", 443, seconds=0)
    answered.set()
