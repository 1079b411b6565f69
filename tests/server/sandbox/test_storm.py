"""The storm: made alike for one seed, thrown until taken, and judged by how companies must end."""

import json
from collections import Counter

from click.testing import CliRunner

from cli.app import main
from codat import signature
from sandbox.journal import Journal
from sandbox.load.load_generator import ATTEMPTS, LoadGenerator
from sandbox.load.storm import StormConfig, brew
from support.contract import webhook_faults
from support.sandboxes import SECRET, mailbox

SMALL = StormConfig(companies=60, webhooks=600, duplicate_share=0.2)
NOW = 1_790_000_000.0


def made(config=SMALL, url="http://127.0.0.1:9/"):
    return brew(config, url, SECRET, NOW)


def test_a_storm_is_the_same_for_the_same_seed():
    first, again, other = made(), made(), made(StormConfig(60, 600, seed=2, duplicate_share=0.2))
    assert [m.id for m in first.messages] == [m.id for m in again.messages]
    assert [m.body for m in first.messages] == [m.body for m in again.messages]
    assert first.ends == again.ends
    assert not {m.id for m in first.messages} & {m.id for m in other.messages}


def test_a_storm_has_its_doubles_and_its_disorder():
    storm = made()
    assert len(storm.messages) == 600
    assert len({m.id for m in storm.messages}) == storm.unique == 500
    assert len(storm.ends) == 60
    assert set(storm.ends.values()) >= {"Linked", "Deauthorised", "Unlinked"}
    late = Counter()
    last: dict[str, str] = {}
    for message in storm.messages:
        date = json.loads(message.body)["generatedDate"]
        late[date < last.get(message.company_id, "")] += 1
        last[message.company_id] = max(date, last.get(message.company_id, ""))
    assert late[True] > 100


def test_what_a_storm_sends_is_as_codat_publishes():
    assert [webhook_faults(json.loads(m.body)) for m in made().messages] == [[]] * 600


def test_every_message_of_a_storm_is_signed_and_scored():
    journal = Journal()
    with mailbox() as box:
        storm = made(url=box.url)
        score = LoadGenerator(box.url, SECRET, note=journal.attempt).throw(storm.messages)
        assert (score.sent, score.acknowledged, score.given_up) == (600, 600, 0)
        assert len(box.taken) == 600
        for headers, body in box.taken:
            assert signature.verify([SECRET], headers, body)
    entries = journal.after(0)
    assert [entry["outcome"] for entry in entries] == ["taken"] * 600
    assert {entry["messageId"] for entry in entries} == {m.id for m in storm.messages}


def test_what_is_refused_is_sent_again_under_the_same_id():
    with mailbox() as box:
        storm = made(StormConfig(1, 3, duplicate_share=0.0), box.url)
        box.answers = [503, 500, 404]
        score = LoadGenerator(box.url, SECRET, connections=1).throw(storm.messages)
        assert (score.attempts, score.acknowledged, score.given_up) == (6, 3, 0)
        ids = Counter(headers["webhook-id"] for headers, _ in box.taken)
        assert sorted(ids.values()) == [2, 2, 2]


def test_what_is_never_taken_is_given_up(monkeypatch):
    monkeypatch.setattr("sandbox.load.load_generator.WAIT", 0.001)
    with mailbox() as box:
        storm = made(StormConfig(1, 1, duplicate_share=0.0), box.url)
    journal = Journal()
    score = LoadGenerator(box.url, SECRET, note=journal.attempt).throw(storm.messages)
    assert (score.attempts, score.acknowledged, score.given_up) == (ATTEMPTS, 0, 1)
    assert journal.after(0)[-1]["outcome"] == "given up"


def test_a_relay_in_a_storm_ends_as_the_storm_states(relay):
    secret = relay.context.settings.codat_webhook_secrets[0].get_secret_value()
    storm = brew(SMALL, relay.hooks, secret, NOW)
    score = LoadGenerator(relay.hooks, secret).throw(storm.messages)
    assert (score.acknowledged, score.given_up) == (600, 0)

    def held():
        return {c: getattr(relay.store.companies.get(c), "status", None) for c in storm.ends}

    relay.until(lambda: held() == storm.ends, "the storm's ends")


def test_the_command_keeps_the_score_and_a_journal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODAT_WEBHOOK_SECRETS", SECRET)
    with mailbox() as box:
        done = CliRunner().invoke(
            main,
            ["sandbox", "storm", "--to", box.url, "--companies", "5", "--webhooks", "50",
             "--journal", "journal.jsonl", "--ends", "ends.json", "--json"],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        assert len(box.taken) == 50
    score = json.loads(done.stdout)
    assert (score["sent"], score["acknowledged"], score["given_up"]) == (50, 50, 0)
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert len(lines) == 50
    assert len(json.loads((tmp_path / "ends.json").read_text())) == 5
