"""What the views work with: one set of parts per app, handed over by `create_app`."""

from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, cast

from flask import current_app

from codat.client import Codat
from portal.http.auth import Tokens
from relay.queues import Hints
from relay.settings import Settings
from relay.store import Store

if TYPE_CHECKING:
    from portal.api.stream.routes import Streams
    from portal.http.tail import Tail
    from portal.link.assets import Files
    from portal.link.platforms import PlatformList
    from portal.link.words import Brand, Words

NAME = "codat-relay"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one app.

    `slots` and `calls` bound how many threads may wait for events and for Codat at once, so that
    there are always some left for the rest; `seals` how many make a code slow to guess, which takes
    a processor and 16 MiB each. `tail` is the end of the log that long polls and live
    `streams` share with `visits`, those of customers' pages.
    """

    settings: Settings
    store: Store
    hints: Hints
    codat: Codat
    tokens: Tokens
    slots: BoundedSemaphore
    calls: BoundedSemaphore
    seals: BoundedSemaphore
    tail: "Tail"
    streams: "Streams"
    visits: "Streams"
    platforms: "PlatformList"
    brand: "Brand"
    files: "Files"
    words: "Words"


def parts() -> Parts:
    """Give the parts of the app that serves this request."""
    return cast(Parts, current_app.extensions[NAME])
