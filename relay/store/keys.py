"""The name of every Redis key, all under one hash tag so that a cluster keeps them together."""

TAG = "{relay}:"

META = TAG + "meta"  # hash: lanes, schema, log_seq, epoch
COUNTERS = TAG + "counters"  # hash: accepted, duplicates
WAITING = (
    TAG + "waiting"
)  # sorted set: lane -> ms of its last hint; holds lanes with unread messages
LEASES = TAG + "leases"  # hash: lane -> "<owner> <ms until>"
FENCES = TAG + "fences"  # hash: lane -> fencing number
CURSORS = TAG + "cursors"  # hash: lane -> id of the last applied message
LOG = TAG + "log"  # stream of status events, ids <sequence>-0
COMPANIES = TAG + "companies"  # sorted set of company ids, all with score 0: paged in id order
DEAD = TAG + "dead"  # stream: messages that could not be handled
DEAD_INTENTS = TAG + "intents:dead"  # sorted set: intent name -> ms when given up
HOLD = TAG + "codat:hold"  # string: ms until which nobody may call Codat
SCHEDULES_DUE = TAG + "schedules:due"  # sorted set: "<company>|<data type>" -> epoch seconds
POLICY = TAG + "policy"  # string: the policy set through the API, as JSON
PAUSES = TAG + "pauses"  # hash: id -> JSON
TOKENS = TAG + "tokens"  # hash: SHA-256 of a token -> "<name>:<role>"
HINTED = TAG + "intents:hinted"  # string, short-lived: a `perform` job is already on its way
HEARTBEATS = TAG + "heartbeats"  # hash: process -> ms of its last sign of life

SEEN = TAG + "seen:"  # + event key -> "<entry id> <nonce>", expires
LANE = TAG + "lane:"  # + lane -> stream of messages
COMPANY = TAG + "company:"  # + company id -> JSON
INTENT = TAG + "intent:"  # + intent name -> hash
INTENTS_DUE = TAG + "intents:"  # + priority -> sorted set: intent name -> ms
INFLIGHT = TAG + "inflight:"  # + company id -> sorted set: intent name -> ms until
SCHEDULES = TAG + "schedules:"  # + company id -> hash: data type -> JSON, "<data type>#period"
PARKED = TAG + "parked:"  # + pause id -> sorted set, as SCHEDULES_DUE: what the pause holds back
REPLY = (
    TAG + "reply:"
)  # + nonce -> what a script answered, for a minute, so a resend hears it again
CALLS = TAG + "calls:"  # + minute -> calls to Codat granted in it
