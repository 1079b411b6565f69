"""A server that was weakened or mended is told, of no company."""

from dataclasses import replace

from support.folding import action, apply, logged


def test_a_weakened_server_is_logged_with_what_to_do():
    facts = {"risks": ["fsync"], "faults": ["set `appendfsync always`"]}
    folded = apply(None, replace(action("relay.server_weakened", **facts), company_id=None))
    assert logged(folded) == [("server.weakened", facts)]
    assert folded.company is None


def test_a_mended_server_is_logged_with_what_is_over():
    facts = {"risks": ["fsync"], "faults": []}
    folded = apply(None, replace(action("relay.server_mended", **facts), company_id=None))
    assert logged(folded) == [("server.mended", {"risks": ["fsync"]})]
