"""Addresses of servers: every way to write one that is right, and what is said of a wrong one."""

import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as some
from redis.sentinel import SentinelConnectionPool

from cli.commands.config import shown
from cli.runner import embedded
from relay import server_address
from relay.masking import without_secrets
from relay.server_address import BadAddress, ServerAddress, read_address
from relay.store.server.connect import PromptTLSConnection, connect
from support.paths import ROOT
from support.sentinels import SERVICE, Sentinels, free_ports
from support.waiting import wait_until

CERTIFICATE = ROOT / "tests" / "support" / "hooks.test.pem"  # its own authority
SECRET = "canary-7Xq"

RIGHT: dict[str, ServerAddress] = {
    "redis://localhost": ServerAddress((("localhost", 6379),)),
    "REDIS://localhost:": ServerAddress((("localhost", 6379),)),
    "redis:///3": ServerAddress((("localhost", 6379),), options={"db": 3}),
    "redis://h.test?db=3": ServerAddress((("h.test", 6379),), options={"db": 3}),
    "redis://[::1]:6380/1": ServerAddress((("::1", 6380),), options={"db": 1}),
    "redis://[fe80::1%25eth0]": ServerAddress((("fe80::1%eth0", 6379),)),
    "redis://u%40r:p%2Fa%3As@h": ServerAddress(
        (("h", 6379),), options={"username": "u@r", "password": "p/a:s"}
    ),
    "redis://u:p@ss@h": ServerAddress(
        (("h", 6379),), options={"username": "u", "password": "p@ss"}
    ),
    "redis://:p%2525@h": ServerAddress((("h", 6379),), options={"password": "p%25"}),
    "redis://h?password=p%26q&username=u": ServerAddress(
        (("h", 6379),), options={"username": "u", "password": "p&q"}
    ),
    "rediss://h:1/?ssl_cert_reqs=none&ssl_check_hostname=no": ServerAddress(
        (("h", 1),), tls=True, options={"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    ),
    "unix:///my%20data/a%3Fb.sock?db=2": ServerAddress(path="/my data/a?b.sock", options={"db": 2}),
    "unix://u:p@/run/a@b.sock": ServerAddress(
        path="/run/a@b.sock", options={"username": "u", "password": "p"}
    ),
    "redis+sentinel://a": ServerAddress((("a", 26379),), service="mymaster"),
    "redis+sentinel://a,b:1,[::1],[::2]:3/my%20set/4": ServerAddress(
        (("a", 26379), ("b", 1), ("::1", 26379), ("::2", 3)),
        service="my set",
        options={"db": 4},
    ),
    "redis+sentinel://u%3A:p%40@a/s?sentinel_username=v&sentinel_password=q%23": ServerAddress(
        (("a", 26379),),
        service="s",
        options={"username": "u:", "password": "p@"},
        sentinel_options={"username": "v", "password": "q#"},
    ),
    f"rediss+sentinel://a/s?ssl_ca_certs={CERTIFICATE}": ServerAddress(
        (("a", 26379),),
        service="s",
        tls=True,
        sentinel_tls=True,
        options={"ssl_ca_certs": str(CERTIFICATE)},
        sentinel_options={"ssl_ca_certs": str(CERTIFICATE)},
    ),
    "rediss+sentinel://a/s?ssl_cert_reqs=none&sentinel_ssl_cert_reqs=required": ServerAddress(
        (("a", 26379),),
        service="s",
        tls=True,
        sentinel_tls=True,
        options={"ssl_cert_reqs": "none"},
        sentinel_options={"ssl_cert_reqs": "required"},
    ),
    "rediss+sentinel://a/s?sentinel_ssl=false": ServerAddress(
        (("a", 26379),), service="s", tls=True
    ),
    "redis+sentinel://a/s?sentinel_ssl=true&sentinel_ssl_check_hostname=false": ServerAddress(
        (("a", 26379),),
        service="s",
        sentinel_tls=True,
        sentinel_options={"ssl_check_hostname": False},
    ),
}

WRONG = {
    "localhost:6379": "not an address",
    "http://localhost": "must start with one of",
    "redis+sentinels://a": "must start with one of",
    "redis://a,b": "several hosts",
    "redis://::1:6379": "stands in brackets",
    "redis://h:port": "port is not a number",
    "redis://h:65536": "port that is not a number",
    "redis://h:0": "port that is not a number",
    "redis://h/one": "database that is not a number",
    "redis://h/1/2": "more in its path",
    "redis://h/1?db=2": "names two databases",
    "redis://h?db=1&db=2": "names the option db twice",
    f"redis://u:{SECRET}/x@h": "by their codes",
    f"redis://u:{SECRET}#x@h": "by their codes",
    f"redis://u:{SECRET}?x@h": "by their codes",
    f"redis://u:{SECRET}%@h": "% that begins no code",
    f"redis://:{SECRET}@h\n": "by their codes",
    "redis+sentinel:///s": "host that cannot be read",
    "redis+sentinel://a,,b/s": "host that cannot be read",
    "redis+sentinel://a/s/1/2": "more in its path",
    "unix://relative/path": "whole path",
    "unix:///": "whole path",
    f"redis://h?pasword={SECRET}": "pasword; the nearest that is known is password",
    f"redis://h?PASSWORD={SECRET}": "nearest that is known is password",
    f"redis://h?p%61ssword={SECRET}": "not known",
    f"redis://h?sentinel_password={SECRET}": "not known, sentinel_password",
    f"redis+sentinel://h/s?sentinel_pasword={SECRET}": "nearest that is known is sentinel_password",
    "redis://h?decode_responses=true": "not known, decode_responses",
    "redis://h?ssl=true": "not known, ssl",
    "redis://h?ssl_cert_reqs=none": "needs TLS: rediss",
    "redis+sentinel://h/s?sentinel_ssl_cert_reqs=none": "needs TLS",
    "rediss+sentinel://h/s?sentinel_ssl=false&sentinel_ssl_cert_reqs=none": "needs TLS",
    "rediss://h?ssl_cert_reqs=maybe": "must be one of none, optional, required",
    "rediss://h?ssl_check_hostname=perhaps": "must be true or false",
    "rediss://h?ssl_ca_certs=/no/such/file": "is not a file",
    "redis://h?password=": "is empty",
    "redis://h?socket_timeout=0": "seconds above 0",
    "redis://h?max_connections=many": "whole number",
    "redis://h?protocol=4": "one of 2, 3",
    # What redis-py would raise an error of another kind for, at each connection.
    f"redis+sentinel://u:{SECRET}@a,v:{SECRET}@b/s": "once, before all hosts",
    "redis://[::::]": "neither a name nor an IP address",
    "redis://a..b": "neither a name nor an IP address",
    f"redis://{'a' * 64}.test": "neither a name nor an IP address",
    "redis://h%20h": "neither a name nor an IP address",
    f"redis://u:{SECRET}%FF@h": "not UTF-8",
    f"redis://u:{SECRET}\udcff@h": "not UTF-8",
    f"redis://h?password={SECRET}%FF": "not UTF-8",
    f"redis://h?password={SECRET}\udcff": "not UTF-8",
    "redis://h?client_name=my%20app": "without spaces",
    "rediss://h?ssl_min_version=5": "771 (TLSv1_2), 772 (TLSv1_3)",
    f"rediss://h?ssl_keyfile={CERTIFICATE}": "needs ssl_certfile",
    f"rediss+sentinel://h?sentinel_ssl_keyfile={CERTIFICATE}": "needs sentinel_ssl_certfile",
}


@pytest.mark.parametrize("url", RIGHT)
def test_an_address_is_read(url):
    assert read_address(url) == RIGHT[url]
    connect(url).close()  # redis-py takes all of it


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_address_is_refused_without_a_word_of_its_secrets(url):
    with pytest.raises(BadAddress) as caught:
        read_address(url)
    assert WRONG[url] in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("option", "module"),
    [("ssl_validate_ocsp", "cryptography"), ("ssl_validate_ocsp_stapled", "OpenSSL")],
)
def test_an_option_that_needs_a_missing_package_says_so(option, module, monkeypatch):
    monkeypatch.setattr(server_address, "find_spec", lambda name: None)
    assert read_address(f"rediss://h?{option}=no").options == {option: False}
    with pytest.raises(BadAddress, match=f"{option}, which needs the Python package"):
        read_address(f"rediss://h?{option}=yes")
    monkeypatch.setattr(server_address, "find_spec", lambda name: name == module or None)
    assert read_address(f"rediss://h?{option}=yes").options == {option: True}


@given(some.text(min_size=1), some.text(min_size=1))
def test_any_name_and_password_can_be_written(user, password):
    written = f"{quote(user, safe='')}:{quote(password, safe='')}"
    for url in (f"redis://{written}@h", f"redis+sentinel://{written}@a,b/s"):
        assert read_address(url).options == {"username": user, "password": password}


@given(some.text(alphabet=some.characters(exclude_characters="/\0", exclude_categories=["Cs"])))
def test_any_path_can_be_written(name):
    url = f"unix:///d/{quote(name, safe='')}"
    assert read_address(url).path == f"/d/{name}"


@given(some.text(min_size=3), some.sampled_from(["redis", "rediss", "redis+sentinel", "unix"]))
def test_a_password_is_shown_nowhere(password, scheme):
    written = quote(password, safe="")
    if len(written) < 5 or written in "sentinel_password":
        return
    for url in (f"{scheme}://u:{written}@/h", f"{scheme}://h/s?db=1&password={written}&x=1"):
        for text in (shown(url), without_secrets(f"Error: {url} is away")):
            assert written not in text.replace("[hidden]", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"redis://u:{SECRET}/x@h:1/0", "redis://[hidden]@h:1/0"),
        (f"redis://u:p@{SECRET}@h", "redis://[hidden]@h"),
        (
            f"redis+sentinel://a,b/s?sentinel_password={SECRET}&db=1",
            "redis+sentinel://a,b/s?sentinel_password=[hidden]&db=1",
        ),
        (f"x rediss://h?ssl_password={SECRET} y", "x rediss://h?ssl_password=[hidden] y"),
        (
            f"https://u:{SECRET}@h/x and https://v@w/?a=b@c",
            "https://[hidden]@h/x and https://[hidden]@w/?a=b@c",
        ),
        (f"https://codat.test/l?otp={SECRET}&a=1", "https://codat.test/l?otp=[hidden]&a=1"),
        ("unix:///run/a@b/c.sock", "unix:///run/a@b/c.sock"),
        (f"redis://u:a {SECRET}@h/1", "redis://[hidden]@h/1"),
        (f"unix://u:a {SECRET}@/run/a@b.sock", "unix://[hidden]@/run/a@b.sock"),
        (f"redis://h?password=a;{SECRET}&db=1", "redis://h?password=[hidden]&db=1"),
        (f"REDISS://h?ssl_password=a'{SECRET}", "REDISS://h?ssl_password=[hidden]"),
        (
            f"redis+sentinel://h?sentinel_password=<{SECRET}>",
            "redis+sentinel://h?sentinel_password=[hidden]",
        ),
        ("https://h/x?email=a@b.test", "https://h/x?email=a@b.test"),
    ],
)
def test_addresses_are_shown_without_their_secrets_and_with_the_rest(text, expected):
    assert without_secrets(text) == expected


def test_tls_to_sentinels_carries_its_options_to_both():
    url = f"rediss+sentinel://a/s?ssl_ca_certs={CERTIFICATE}&ssl_cert_reqs=optional"
    pool = connect(url).connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    [sentinel] = pool.sentinel_manager.sentinels
    for one in (pool, sentinel.connection_pool):
        assert issubclass(one.connection_class, redis.SSLConnection)
        made = one.connection_kwargs
        assert (made["ssl_ca_certs"], made["ssl_cert_reqs"]) == (str(CERTIFICATE), "optional")
    assert pool.connection_class is PromptTLSConnection


@contextmanager
def by_tls(port: int) -> Iterator[int]:
    """A port at which a server's own is reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                outer = context.wrap_socket(plain, server_side=True)
            except OSError:
                continue
            inner = socket.create_connection(("127.0.0.1", port))
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def guarded(
    server: embedded.EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sentinels]:
    """One server and one sentinel on IPv4 and IPv6, each with a user of its own."""
    first, sentinel = free_ports(2)
    site = Sentinels(tmp_path_factory.mktemp("guarded"), [first], [sentinel])
    acl = 'on ">{}" ~* &* +@all'
    try:
        site.start(first, bind="127.0.0.1 ::1", user=f"re@lay {acl.format('pa:ss/wo@rd%')}")
        site.start_sentinel(
            sentinel,
            f"sentinel auth-user {SERVICE} re@lay",
            f"sentinel auth-pass {SERVICE} pa:ss/wo@rd%",
            f"user look:er {acl.format('other@#')}",
            "user default off",
        )
        yield site
    finally:
        site.stop()


OURS = "re%40lay:pa%3Ass%2Fwo%40rd%25"
THEIRS = "sentinel_username=look%3Aer&sentinel_password=other%40%23"


def test_users_and_passwords_reach_sentinels_and_servers(guarded):
    [port] = guarded.sentinels
    url = f"redis+sentinel://{OURS}@127.0.0.1:9,127.0.0.1:{port}/{SERVICE}?{THEIRS}"
    with connect(url) as client:
        assert wait_until(client.ping, "an answer")
        assert client.acl_whoami() == "re@lay"
    with connect(url.replace("other", "wrong")) as client, pytest.raises(redis.RedisError):
        client.ping()


def test_a_server_is_reached_by_ipv6_and_by_tls(guarded):
    [port] = guarded.servers
    with connect(f"redis://{OURS}@[::1]:{port}/0") as client:
        assert client.ping()
    options = f"ssl_ca_certs={CERTIFICATE}&ssl_check_hostname=false"
    with by_tls(port) as safe, connect(f"rediss://{OURS}@127.0.0.1:{safe}?{options}") as client:
        assert client.ping()
    with (
        by_tls(port) as safe,
        connect(f"rediss://{OURS}@127.0.0.1:{safe}") as client,
        pytest.raises(redis.ConnectionError, match="certificate"),
    ):
        client.ping()


def test_a_sentinel_is_reached_by_tls(guarded):
    options = f"sentinel_ssl=true&sentinel_ssl_ca_certs={CERTIFICATE}"
    options += f"&sentinel_ssl_check_hostname=false&{THEIRS}"
    [port] = guarded.sentinels
    with by_tls(port) as safe:
        client = connect(f"redis+sentinel://{OURS}@127.0.0.1:{safe}/{SERVICE}?{options}")
        assert wait_until(client.ping, "an answer")
        client.close()
