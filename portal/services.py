"""What the views work with: one `Services` per app, made by `create_app`."""

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import cast

from flask import current_app

from codat.client import Codat
from portal.http.auth import Tokens
from portal.http.streams import Streams
from portal.http.tail import Tail
from portal.link.assets import Assets
from portal.link.platforms import PlatformList
from portal.link.words import Brand, Words
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store

NAME = "codat-relay"


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one app.

    The limits bound how many threads do one thing at once, so that some are always left for the
    rest: `long_poll_limit` those that wait for events, `codat_call_limit` those that wait for
    Codat, and `code_hash_limit` those that make a code slow to guess, which takes a processor and
    16 MiB each. `tail` is the end of the log: long polls, `streams` and `link_streams`, which are
    those of customers' pages, all wait for it.
    """

    settings: Settings
    store: Store
    hints: Hints
    codat: Codat
    tokens: Tokens
    long_poll_limit: BoundedSemaphore
    codat_call_limit: BoundedSemaphore
    code_hash_limit: BoundedSemaphore
    tail: Tail
    streams: Streams
    link_streams: Streams
    platforms: PlatformList
    brand: Brand
    assets: Assets
    words: Words


def services() -> Services:
    """Return the services of the app that serves this request."""
    return cast(Services, current_app.extensions[NAME])
