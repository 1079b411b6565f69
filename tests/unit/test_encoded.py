"""Events written out: as CloudEvents, read once however many want them, read anew after a loss."""

import threading

import orjson
import pytest

from relay.store.log.encoded import (
    BLOCK_SIZE,
    MAX_BLOCKS,
    EncodedEvent,
    EventBlocks,
    Head,
    Part,
    encode,
)
from relay.store.log.entries import read_entry

FIELDS = {
    b"type": b"company.renamed",
    b"source": b"/codat/default/companies/c-1",
    b"subject": b"c-1",
    b"time": b"1767600000000001",
    b"cause": 'msg_"1\\é'.encode(),
    b"data": '{"current":"Café \\"7\\""}'.encode(),
}


class Log:
    """Gives events as the store would, and notes what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.kind = "a.b"
        self.fails = False
        self.oldest = 0

    def fetch(self, after: int, up_to: int, head: Head) -> Part:
        self.asked.append((after, up_to))
        if self.fails:
            raise ConnectionError
        first = max(after, self.oldest) + 1
        return Part(
            [EncodedEvent(n, self.kind, "", b"{}") for n in range(first, up_to + 1)], self.oldest
        )


def numbers(found: tuple[list[EncodedEvent], int]) -> list[int]:
    return [event.sequence for event in found[0]]


def test_the_text_is_the_cloud_event_of_the_entry():
    texts = {name.decode(): value.decode() for name, value in FIELDS.items()}
    encoded = encode(read_entry(7, FIELDS), "e1")
    assert orjson.loads(encoded.json) == {
        "specversion": "1.0",
        "id": "7",
        "source": texts["source"],
        "type": texts["type"],
        "subject": texts["subject"],
        "time": "2026-01-05T08:00:00.000001Z",
        "datacontenttype": "application/json",
        "sequence": "7",
        "epoch": "e1",
        "cause": texts["cause"],
        "data": orjson.loads(texts["data"]),
    }
    assert (encoded.sequence, encoded.type, encoded.subject) == (7, "company.renamed", "c-1")


def test_only_events_since_the_last_read_are_fetched():
    log = Log()
    blocks = EventBlocks(log.fetch)
    assert numbers(blocks.after(0, 3, Head(3, "e"))) == [1, 2, 3]
    assert numbers(blocks.after(1, 2, Head(3, "e"))) == [2]
    assert numbers(blocks.after(2, 5, Head(5, "e"))) == [3, 4, 5]
    assert log.asked == [(0, 3), (3, 5)]


def test_events_come_to_the_end_of_their_block():
    log = Log()
    blocks = EventBlocks(log.fetch)
    last = Head(3 * BLOCK_SIZE, "e")
    assert numbers(blocks.after(BLOCK_SIZE - 2, last.last, last)) == [BLOCK_SIZE - 1, BLOCK_SIZE]
    assert numbers(blocks.after(BLOCK_SIZE, last.last, last)) == list(
        range(BLOCK_SIZE + 1, 2 * BLOCK_SIZE + 1)
    )
    assert log.asked == [(0, BLOCK_SIZE), (BLOCK_SIZE, 2 * BLOCK_SIZE)]


@pytest.mark.parametrize("later", [Head(3, "e", losses=1), Head(3, "other")])
def test_after_a_loss_or_a_reset_nothing_is_given_from_memory(later):
    log = Log()
    blocks = EventBlocks(log.fetch)
    blocks.after(0, 3, Head(3, "e"))
    log.kind = "event.erased"
    assert {event.type for event in blocks.after(0, 3, later)[0]} == {"event.erased"}


def test_a_block_read_in_parts_says_from_where_on_it_is_whole():
    log = Log()
    blocks = EventBlocks(log.fetch)
    assert blocks.after(0, 3, Head(9, "e"))[1] == 0
    log.oldest = 5
    found, oldest = blocks.after(2, 9, Head(9, "e"))
    assert ([event.sequence for event in found], oldest) == ([3, 6, 7, 8, 9], 5)


def test_only_the_latest_blocks_are_kept():
    log = Log()
    blocks = EventBlocks(log.fetch)
    head = Head(BLOCK_SIZE * (MAX_BLOCKS + 1), "e")
    for number in range(MAX_BLOCKS + 1):
        blocks.after(number * BLOCK_SIZE, head.last, head)
    blocks.after(BLOCK_SIZE, head.last, head)
    assert len(log.asked) == MAX_BLOCKS + 1
    blocks.after(0, head.last, head)
    assert len(log.asked) == MAX_BLOCKS + 2


def test_readers_that_want_the_same_at_once_cause_one_reading():
    log, readers = Log(), 8
    going, may_go = threading.Event(), threading.Event()

    def fetch(after: int, up_to: int, head: Head) -> Part:
        going.set()
        assert may_go.wait(20)
        return log.fetch(after, up_to, head)

    blocks, found = EventBlocks(fetch), []
    threads = [
        threading.Thread(target=lambda: found.append(blocks.after(0, 3, Head(3, "e"))))
        for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    assert going.wait(20)
    may_go.set()
    for thread in threads:
        thread.join()
    assert log.asked == [(0, 3)]
    assert [numbers(events) for events in found] == [[1, 2, 3]] * readers


def test_a_failed_reading_is_tried_again_by_the_next():
    log = Log()
    blocks = EventBlocks(log.fetch)
    log.fails = True
    with pytest.raises(ConnectionError):
        blocks.after(0, 3, Head(3, "e"))
    log.fails = False
    assert numbers(blocks.after(0, 3, Head(3, "e"))) == [1, 2, 3]
