"""The doctor's checks, each a question with one answer: ok, unsure or wrong, and what to do."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests
from redis.exceptions import RedisError

from cli import tokens
from cli.addresses import session_for
from cli.data_dir import UNPROVABLE, check_brand, unread_names
from cli.faults import FAILED, UNREACHABLE, WRONG_SETTINGS, CannotStart, words_for
from cli.runner import embedded
from codat.client import Codat
from codat.errors import CodatError, Unauthorized
from codat.signature import TOLERANCE
from codat.times import parse_http_date
from portal.link import words
from portal.link.words import Brand
from relay.clocks import host, wrong_clocks
from relay.queues import lengths
from relay.settings import Settings
from relay.store.server.checks import ServerRefused
from relay.store.server.connect import connect
from relay.store.server.files import refused_files
from relay.store.server.guard import Guard
from relay.store.store import Store, WrongStore
from relay.times import Millis, host_is_ahead, iso_from_ms, now_ms

OK, UNSURE, WRONG = "ok", "unsure", "wrong"
WITHIN = 3.0  # seconds for each answer
SLOW_CLOCK = 60.0  # seconds
SILENT_AFTER_MS = 60_000
LONG_QUEUE = 100  # hints; there are 64 of a kind at most, and one per replay
FILES = {"aof": "append-only file", "rdb": "snapshot"}
COMMANDS = {"aof": "BGREWRITEAOF", "rdb": "BGSAVE"}
MAX_NAMED = 5  # damaged entries, of which there may be a hundred


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to; `code` is the exit code it leads to when wrong."""

    check: str
    verdict: str
    detail: str
    code: int = FAILED


def findings(settings: Settings, service: str) -> Iterator[Finding]:
    """Check one thing after another; `service` is the portal's address."""
    yield check_secrets(settings)
    yield check_pages(settings)
    server = check_server(settings)
    yield server
    if settings.redis_url is not None and server.verdict != WRONG:
        yield check_loss(settings)
        yield check_files(settings)
        yield check_tokens(settings)
        yield check_client(settings)
        yield from check_processes(settings)
        yield from check_readers(settings)
    yield check_service(service)
    yield check_codat(settings)
    yield check_clock(settings)


def check_secrets(settings: Settings) -> Finding:
    """Whether webhooks can be proved genuine."""
    if settings.codat_webhook_secrets or settings.codat_legacy_authorization:
        said = "all there and well formed"
    elif settings.uses_sandbox:
        said = "`codat-relay up` will make the sandbox's signing secret"
    else:
        return Finding("settings", WRONG, UNPROVABLE, WRONG_SETTINGS)
    if unread := unread_names():
        return Finding("settings", UNSURE, "; ".join(unread.values()))
    return Finding("settings", OK, said)


def check_pages(settings: Settings) -> Finding:
    """Whether the customer's pages are the firm's own, in whole languages."""
    try:
        lacks = check_brand(settings)
    except CannotStart as error:
        return Finding("pages", WRONG, str(error), WRONG_SETTINGS)
    if lacks:
        return Finding("pages", UNSURE, "; ".join(lacks))
    if settings.relay_brand_file is None:
        return Finding("pages", OK, "plain ones in English, as RELAY_BRAND_FILE is not set")
    named, _ = words.load(settings.relay_brand_file)
    name = "the firm's name" if named.name != Brand.name else "the firm's name is not set"
    return Finding("pages", OK, f"{name}, and each language is whole")


def check_server(settings: Settings) -> Finding:
    """Whether the server answers, and keeps what it acknowledges."""
    if settings.redis_url is None:
        try:
            binary = embedded.find_binary()
        except CannotStart as error:
            return Finding("server", WRONG, str(error), WRONG_SETTINGS)
        return Finding("server", UNSURE, f"not running; `codat-relay up` would start {binary}")
    try:
        with connect(settings.redis_url, timeout=WITHIN, retries=0) as client:
            risks, replicas = settings.relay_accept_risks, settings.relay_replicas_to_wait
            guard = Guard.open(client, risks, replicas)
            faults, server = guard.faults(), guard.server
    except ServerRefused as error:
        return Finding("server", WRONG, str(error), WRONG_SETTINGS)
    except RedisError as error:
        return Finding("server", WRONG, words_for(error), UNREACHABLE)
    if faults:
        return Finding("server", WRONG, "; ".join(faults.values()))
    if server.accepted_risks:
        return Finding("server", UNSURE, f"risks taken: {', '.join(server.accepted_risks)}")
    return Finding("server", OK, f"version {server.version}, {server.durability}")


def check_tokens(settings: Settings) -> Finding:
    """Whether anybody can be let in to the API."""
    if settings.relay_tokens:
        return Finding("tokens", OK, f"those {len(settings.relay_tokens)} of RELAY_TOKENS")
    try:
        store = Store.open(settings, timeout=WITHIN, retries=0)
        names = [one.owner.name for one in store.tokens.all()]
    except (RedisError, WrongStore, ServerRefused) as error:
        return Finding("tokens", UNSURE, f"cannot be read: {error}")
    if not names:
        return Finding("tokens", UNSURE, tokens.NOBODY_LET_IN)
    return Finding("tokens", OK, f"made here: {', '.join(dict.fromkeys(names))}")


def check_client(settings: Settings) -> Finding:
    """Whether webhooks are of the Codat client whose key ours is."""
    try:
        store = Store.open(settings, timeout=WITHIN, retries=0)
        reported, refused = store.platforms.client_id(settings.key_mark), store.inbox.depths()
    except (RedisError, WrongStore, ServerRefused) as error:
        return Finding("client", UNSURE, f"cannot be read: {error}")
    named = (settings.codat_client_id or "").lower()
    if named and reported and named != reported:
        said = f"CODAT_CLIENT_ID is {named}, but Codat says that the key is of {reported}"
        return Finding("client", WRONG, said, WRONG_SETTINGS)
    if count := refused["of_other_clients"]:
        said = (
            f"{count} webhooks were refused, as they name another Codat client; the log says which"
        )
        return Finding("client", UNSURE, said)
    return Finding("client", OK, named or reported or "not known yet, so webhooks of any are taken")


def check_loss(settings: Settings) -> Finding:
    """Whether the server held less at a start than was known of it."""
    try:
        store = Store.open(settings, timeout=WITHIN, retries=0)
        found = store.loss()
    except (RedisError, WrongStore) as error:
        return Finding("data", UNSURE, f"cannot be looked at: {error}")
    if found is None:
        return Finding("data", OK, "nothing that was known is missing")
    at, what = found
    run = store.reconciles.get(f"loss-{at}")
    is_over = run is not None and not run.goes_on  # what Codat's record could give is here again
    return Finding("data", UNSURE if is_over else WRONG, f"{iso_from_ms(Millis(at))}: {what}")


def check_files(settings: Settings) -> Finding:
    """Whether the server's files are rid of what was forgotten."""
    try:
        held = refused_files(Store.open(settings, timeout=WITHIN, retries=0).client)
    except (RedisError, WrongStore) as error:
        return Finding("files", UNSURE, f"cannot be looked at: {error}")
    if not held:
        return Finding("files", OK, "nothing that was forgotten has to be written out of them")
    names = " and ".join(FILES[kind] for kind in held)
    return Finding(
        "files",
        UNSURE,
        f"what was forgotten may still stand in the server's {names}: its user may not rewrite"
        f" it; allow that, or run {', '.join(COMMANDS[kind] for kind in held)} there",
    )


def check_processes(settings: Settings) -> Iterator[Finding]:
    """Whether every process still sends heartbeats."""
    try:
        store = Store.open(settings, timeout=WITHIN, retries=0)
        heartbeats, queues = store.heartbeats(), lengths(store.client)
        ahead = store.clocks()
    except WrongStore as error:
        yield Finding("store", WRONG, str(error), WRONG_SETTINGS)
        return
    except RedisError as error:
        yield Finding("store", WRONG, words_for(error), UNREACHABLE)
        return
    for name, at in sorted(heartbeats.items()):
        silent = now_ms() - at
        verdict = OK if silent < SILENT_AFTER_MS else WRONG
        yield Finding(name, verdict, f"last heartbeat {silent / 1000:.0f} s ago")
    yield check_queues(queues)
    yield check_clocks(ahead)


def check_clocks(ahead: Mapping[str, float]) -> Finding:
    """Whether the machines' clocks agree with the server's, which all go by."""
    wrong = wrong_clocks({f"this machine ({host()})": host_is_ahead(), **ahead})
    if wrong:
        return Finding("clocks", UNSURE, "; ".join(wrong) + ": set NTP up on both")
    return Finding("clocks", OK, "this machine's and all processes' agree with the server's")


def check_queues(queues: dict[str, int]) -> Finding:
    """Whether hints wait for workers: at most some per worker do, unless none takes them."""
    long = {name: length for name, length in queues.items() if length > LONG_QUEUE}
    if not long:
        return Finding("queues", OK, f"{sum(queues.values())} hints wait for workers")
    which = ", ".join(f"{length} in {name}" for name, length in long.items())
    return Finding(
        "queues", UNSURE, f"hints pile up ({which}): see whether that queue's workers are running"
    )


def check_readers(settings: Settings) -> Iterator[Finding]:
    """Whether the readers of the log get all of it."""
    try:
        store = Store.open(settings, timeout=WITHIN, retries=0)
        readers, damaged = store.readers(), store.events.damaged()
    except (WrongStore, RedisError):
        return  # said before, of the processes
    for one in readers:
        name = f"subscription {one.id}"
        if one.stuck:
            why = one.reason or "nothing says why, so see the worker's log"
            late = f"{one.behind} events behind, since {one.late // 60_000} min"
            yield Finding(name, WRONG, f"receives no more events, {late}: {why}")
        elif not one.active:
            yield Finding(name, UNSURE, f"paused: {one.reason or 'by a person'}")
        elif one.failures:
            yield Finding(name, UNSURE, f"did not take the last {one.failures}: {one.reason}")
    if damaged:
        shown = ", ".join(map(str, damaged[:MAX_NAMED]))
        yield Finding(
            "log",
            UNSURE,
            f"{len(damaged)} entries are damaged, and shown only in part: {shown}",
        )
    elif not any(one.stuck for one in readers):
        yield Finding("log", OK, f"{len(readers)} subscriptions, none of them stuck")


def check_service(url: str) -> Finding:
    """Whether the web process is up and ready."""
    address = f"{url}/readyz"
    try:
        answer = session_for(address).get(address, timeout=WITHIN)
    except requests.RequestException:
        return Finding("service", WRONG, f"{address} does not answer", UNREACHABLE)
    if not answer.ok:
        return Finding("service", WRONG, f"{address}: {answer.text[:200]}", UNREACHABLE)
    return Finding("service", OK, f"ready at {url}")


def check_codat(settings: Settings) -> Finding:
    """Whether Codat, or the sandbox, takes our key."""
    name = "sandbox" if settings.uses_sandbox else "Codat"
    with Codat(
        settings.api_key,
        settings.api_url,
        generation=settings.codat_api_generation,
        timeout=(WITHIN, settings.relay_codat_timeout),
    ) as codat:
        try:
            next(iter(codat.list_integrations(page_size=1)), None)
        except Unauthorized:
            return Finding(name, WRONG, "does not take the key in CODAT_API_KEY", WRONG_SETTINGS)
        except CodatError as error:
            return Finding(name, WRONG, f"{settings.api_url}: {error}", UNREACHABLE)
    return Finding(name, OK, f"answers at {settings.api_url} and takes the key")


def check_clock(settings: Settings) -> Finding:
    """Whether our clocks agree with Codat's: a webhook's signature is good for minutes only.

    One that is right will do, this machine's or the server's, as the receiver goes by both.
    """
    try:
        answer = session_for(settings.api_url).head(settings.api_url, timeout=WITHIN)
    except requests.RequestException:
        return Finding("clock", UNSURE, "no one to compare with")
    theirs = parse_http_date(answer.headers.get("Date", ""))
    if theirs is None:
        return Finding("clock", UNSURE, "no one to compare with")
    here, server = abs(time.time() - theirs), abs(now_ms() / 1000 - theirs)
    off = f"this machine's is {here:.0f} s off Codat's, the server's {server:.0f} s"
    if min(here, server) > TOLERANCE:
        return Finding("clock", WRONG, f"{off}: every webhook will be refused; set NTP up")
    if max(here, server) > SLOW_CLOCK:
        return Finding("clock", UNSURE, f"{off}; webhooks are taken as long as one is right")
    return Finding("clock", OK, f"{max(here, server):.0f} s off; up to {TOLERANCE} s are forgiven")
