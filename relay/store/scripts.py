"""Load the Lua scripts of each subject's `lua/`, with the shared pieces they call put in front."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

from redis import Redis
from redis.commands.core import Script

PIECES = {
    "now_ms(": "_now",
    "put_in_lane(": "_lane",
    "due_member(": "_due",
    "pause_is_on(": "_pause",
    "whole_sync(": "_sync",
    "put_intent(": "_intent",
    "remembered(": "_reply",
}


@cache
def source(name: str) -> str:
    """Return the whole text of the script `name`, with the pieces it uses."""
    body = _texts()[name]
    pieces = [_texts()[piece] for call, piece in PIECES.items() if call in body]
    return "\n".join([*pieces, body])


@cache
def _texts() -> Mapping[str, str]:
    """Return every script's own text by its name, whichever subject's folder it lies in."""
    return {
        script.name.removesuffix(".lua"): script.read_text(encoding="utf-8")
        for subject in resources.files("relay.store").iterdir()
        if (folder := subject / "lua").is_dir()
        for script in folder.iterdir()
    }


class Scripts:
    """The scripts, ready to be called on one client; a server that lost them is sent them again."""

    def __init__(self, client: Redis) -> None:
        self.ingest = _script(client, "ingest")
        self.count_refused = _script(client, "count_refused")
        self.claim_lane = _script(client, "claim_lane")
        self.release_lane = _script(client, "release_lane")
        self.sweep_lanes = _script(client, "sweep_lanes")
        self.commit = _script(client, "commit")
        self.put_intents = _script(client, "put_intents")
        self.claim_intents = _script(client, "claim_intents")
        self.hold_intents = _script(client, "hold_intents")
        self.finish_intent = _script(client, "finish_intent")
        self.take_call = _script(client, "take_call")
        self.end_call = _script(client, "end_call")
        self.begin_reconcile = _script(client, "begin_reconcile")
        self.reconcile_page = _script(client, "reconcile_page")
        self.end_reconcile = _script(client, "end_reconcile")
        self.put_schedule = _script(client, "put_schedule")
        self.read_due = _script(client, "read_due")
        self.write_pause = _script(client, "write_pause")
        self.park = _script(client, "park")
        self.park_all = _script(client, "park_all")
        self.unpark = _script(client, "unpark")
        self.take_due = _script(client, "take_due")
        self.dispatch = _script(client, "dispatch")
        self.set_subscription = _script(client, "set_subscription")
        self.claim_subscriptions = _script(client, "claim_subscriptions")
        self.record_delivery = _script(client, "record_delivery")
        self.replay_step = _script(client, "replay_step")
        self.turn_replay = _script(client, "turn_replay")
        self.trim_log = _script(client, "trim_log")
        self.thin_log = _script(client, "thin_log")
        self.forget = _script(client, "forget")
        self.forget_syncs = _script(client, "forget_syncs")
        self.find_mentions = _script(client, "find_mentions")
        self.rewrite_stream = _script(client, "rewrite_stream")
        self.renew_epoch = _script(client, "renew_epoch")
        self.put_journey = _script(client, "put_journey")
        self.begin_request = _script(client, "begin_request")
        self.note_request = _script(client, "note_request")
        self.take_code = _script(client, "take_code")
        self.put_token = _script(client, "put_token")
        self.revoke_tokens = _script(client, "revoke_tokens")
        self.lease = _script(client, "lease")
        self.beat = _script(client, "beat")
        self.mend = _script(client, "mend")
        self.once = _script(client, "once")
        self.drop_dead = _script(client, "drop_dead")
        self.note_clock = _script(client, "note_clock")
        self.hint = _script(client, "hint")
        self.probe = _script(client, "probe")


def _script(client: Redis, name: str) -> Script:
    return client.register_script(source(name))
