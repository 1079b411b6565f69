"""The name of every Redis key, all under one hash tag so that a cluster keeps them together."""

TAG = "{relay}:"

# hash: lanes, schema, epoch, log_seq and more of the log, syncs_waiting, intent_fence,
# pauses_version, resumed (ms when a pause of everything last let go), held_at (ms) and limits_said
# (ms): how new what Codat said of its limits is; weakenings, weakened_at (ms), weakened: what was
# last logged of the server; epoch_lost, loss_at (ms), loss: what was last found missing
META = TAG + "meta"
PROBES = tuple(TAG + "probe:" + kind for kind in ("text", "stream", "hash", "zset"))
CONFIRMED = TAG + "confirmed"  # string: written so that what was written before can be waited for
COUNTERS = TAG + "counters"  # hash: accepted, duplicates, other_clients
COUNTED = TAG + "counted:"  # + an id: this was counted, for a minute; the count may be sent twice
WAITING = (
    TAG + "waiting"
)  # sorted set: lane -> ms since when it waits for its turn; holds lanes with unread messages
LEASES = TAG + "leases"  # hash: lane -> "<owner> <ms until>"
FENCES = TAG + "fences"  # hash: lane -> fencing number
CURSORS = TAG + "cursors"  # hash: lane -> id of the last applied message
LOG = TAG + "log"  # stream of status events, ids <sequence>-0
TIME_INDEX = (
    TAG + "log:marks"
)  # sorted set: number of the first event of a commit -> ms, one a minute
SUBSCRIPTIONS = TAG + "subscriptions"  # sorted set of their ids, all with score 0
DELIVERIES = TAG + "deliveries"  # sorted set: active subscription -> ms when it may be delivered to
DELIVERY_HINTED = TAG + "deliveries:hinted"  # string, short-lived: a `deliver` job is on its way
SUBSCRIPTION = TAG + "subscription:"  # + id -> hash
ATTEMPTS = TAG + "attempts:"  # + subscription id -> stream of its latest deliveries taken
FAILURES = TAG + "failures:"  # + subscription id -> stream of its latest deliveries not taken
REPLAYS = TAG + "replays"  # sorted set: replay -> ms when it began
REPLAYS_RUNNING = TAG + "replays:running"  # set of replays with messages left to queue
REPLAY_HINTED = TAG + "replays:hinted"  # string, short-lived: a `replay` job is on its way
REPLAY = TAG + "replay:"  # + id -> hash
ERASED = TAG + "log:erased"  # sorted set: "<number>:<ms>" -> number, of events that were erased
DAMAGED = TAG + "log:damaged"  # sorted set: number -> number, of entries that readers met damaged
ERASING = TAG + "erasing"  # string, expires: a company is being forgotten, or the log trimmed
FORGETTING = TAG + "forgetting"  # hash: company id -> how far its forgetting has come, as JSON
FILES = TAG + "files"  # hash: which forgetting the server's files are to be rid of, and are rid of
THINNED = TAG + "log:thinned"  # hash: what types are dropped early -> up to which number
COPY = TAG + "copy:"  # + stream's key -> the stream while it is rewritten
TIMELINE = TAG + "timeline:"  # + company id -> sorted set of the numbers of its events
COMPANIES = TAG + "companies"  # sorted set of company ids, all with score 0: paged in id order
DEAD = TAG + "dead"  # stream: messages that could not be handled
DEAD_INTENTS = TAG + "intents:dead"  # sorted set: intent name -> ms when given up
BUDGET = (
    TAG + "codat:budget"
)  # hash: limit, remaining, reset; learnt: when (ms) Codat last said so; alone: a call
CALLS = TAG + "codat:calls"  # sorted set: call -> ms, of the last minute
UNDER_WAY = TAG + "codat:under-way"  # sorted set: call -> ms until it no longer counts
HOLD = TAG + "codat:hold"  # string: ms until which no call to Codat may be made
SCHEDULES_DUE = (
    TAG + "schedules-due"
)  # sorted set: "<company>|<data type>|<mark of its plan>" -> epoch seconds
HELD_BACK = TAG + "schedules-held"  # hash: late member of SCHEDULES_DUE -> the pause that held it
SYNCS_WAITING = TAG + "syncs:waiting"  # list of "<ms> <company>|<data type>|<period> ..."
POLICY = TAG + "policy"  # string: the policy set through the API, as JSON
PAUSES = TAG + "pauses"  # hash: id -> JSON
PARKING = TAG + "parking"  # set of the ids of pauses that hold schedules back
TOKENS = (
    TAG + "tokens"
)  # hash: SHA-256 of a token -> JSON, or "<name>:<role>" from earlier versions
TOKENS_REVOKED = TAG + "tokens:revoked"  # set of the SHA-256 of tokens that are never valid again
SESSION = TAG + "session:"  # + SHA-256 of its id -> SHA-256 of the token it is of, expires
HINTED = TAG + "intents:hinted"  # string, short-lived: a `perform` job is already on its way
LEFT = TAG + "intents:left:"  # + what -> string: such an intent was stored lately, expires
HEARTBEATS = TAG + "heartbeats"  # hash: kind of process -> ms of its last heartbeat
CLOCKS = TAG + "clocks"  # hash: "<process> on <machine>" -> "<ms ahead of the server's> <ms when>"
SILENCES = TAG + "silences"  # hash: kind of process -> "<ms> <ms>", the last time none was alive

JOURNEYS = TAG + "journeys"  # sorted set of journey ids, all with score 0: ids rise with time
JOURNEYS_OPEN = TAG + "journeys:open"  # sorted set: journey id -> ms when its time is over
JOURNEY_TOKENS = TAG + "journeys:tokens"  # hash: SHA-256 of a link's token -> journey id
READ_BY_CODAT = TAG + "read-by-codat"  # string: data types that Codat reads by itself, JSON
CLIENT = TAG + "codat:client"  # string: "<mark of our key> <id of the Codat client it is of>"
INTEGRATIONS = TAG + "integrations"  # string: what Codat last said of them, JSON

SEEN = TAG + "seen:"  # + fingerprint of a webhook, or id of an action -> "<entry> <nonce>", expires
LANE = TAG + "lane:"  # + lane -> stream of messages
COMPANY = TAG + "state:"  # + company id -> its state, packed
INTENT = TAG + "intent:"  # + intent name -> hash
INTENTS_DUE = TAG + "intents:"  # + priority -> sorted set: intent name -> ms
INFLIGHT = TAG + "inflight:"  # + company id -> sorted set: intent or call -> ms until
SCHEDULES = TAG + "plans:"  # + company id -> hash: data type -> mark and JSON, "<type>#period"
PARKED = TAG + "parked:"  # + pause id -> sorted set, as SCHEDULES_DUE: what the pause holds back
REPLY = (
    TAG + "reply:"
)  # + nonce -> what a script answered, for a minute, so a resend gets the same answer
RECONCILING = TAG + "reconciling"  # string: the run over all companies that goes on
RECONCILES = TAG + "reconciles"  # sorted set: run -> ms begun
RECONCILE = TAG + "reconcile:"  # + run -> hash: progress and figures
RECONCILE_SEEN = TAG + "reconcile-seen:"  # + run -> sorted set: company -> 0, or if found gone
# and not logged yet, when it was asked for, microseconds
JOURNEY = TAG + "journey:"  # + journey id -> hash: state (JSON), version, nonce
REQUEST = TAG + "request:"  # + hash of caller and key -> hash: how far it has come, expires
CONNECTING = TAG + "connecting:"  # + company id -> who makes its connection now, expires
CODE = TAG + "code:"  # + digest of a short code -> the token it opens, sealed, expires
CODE_TRIES = TAG + "code-tries"  # failed tries, expires
LOGO = TAG + "logo:"  # + platform key -> address, media type and content, expires
