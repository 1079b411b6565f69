"""RQ as a carrier of hints: a job says "look there", never what to do; a lost one costs seconds."""

from typing import Any
from uuid import uuid4

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now as rq_now
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from relay.store.scripts import Scripts

DRAIN = "drain"
CODAT = "codat"
DELIVER = "deliver"
QUEUES = (DRAIN, CODAT, DELIVER)

# The only functions a job may name, by the queue that carries them.
FUNCTIONS = {
    "workers.inbox.drain.drain": DRAIN,
    "workers.replay.replay": DRAIN,
    "workers.intents.perform.perform": CODAT,
    "workers.delivery.deliver": DELIVER,
}
RESULT_TTL = 0
FAILURE_TTL = 7 * 86_400
RECORD_TTL = 86_400  # seconds; a backstop for a job that RQ lost, it deletes those it has done
JOB_TIMEOUT = 120  # seconds; a backstop, the jobs hand on long before
PER_WORKER = 0  # as many hints as workers listen on the queue
RQ_CLEANS = 900  # seconds; RQ cleans its registries as often
MAX_FAILED = 100  # of each queue

log = structlog.get_logger(__name__)


class ForbiddenJob(Exception):
    """A job names a function that is not one of ours."""


class HintJob(Job):
    """A job that runs only the functions listed here, whoever wrote it to Redis."""

    @property
    def func(self) -> Any:
        """The function; raises ForbiddenJob unless it is listed."""
        if self.func_name not in FUNCTIONS:
            raise ForbiddenJob(f"a job names {self.func_name!r:.100}, which is not one of ours")
        return super().func


def queue(name: str, client: Redis) -> Queue:
    """Return one of our queues on `client`, which must hand out bytes."""
    return Queue(name, connection=client, serializer=JSONSerializer, job_class=HintJob)


class Hints:
    """Sends hints; a failure is logged and forgiven, because the sweeper makes up for it.

    A hint is left out while as many of its kind wait in its queue as workers may take them. Those
    that wait do for all that comes meanwhile: a drain takes the lane that has waited for longest.
    So a queue never grows, whatever the rate.
    """

    def __init__(self, client: Redis) -> None:
        self._queues = {name: queue(name, client) for name in QUEUES}
        self._put = Scripts(client).hint

    def drain(self, lane: int) -> bool:
        """Ask a worker to drain what waits, as `lane` does; return False if enough are asked."""
        return self._send(
            "drain", "workers.inbox.drain.drain", lane, described=f"drain lane {lane}"
        )

    def perform(self) -> None:
        """Ask a worker to do what is due at Codat."""
        self._send("perform", "workers.intents.perform.perform", described="perform due intents")

    def deliver(self) -> None:
        """Ask a worker to deliver events to subscribers."""
        self._send("deliver", "workers.delivery.deliver", described="deliver events")

    def replay(self, replay_id: str) -> None:
        """Ask a worker to go on with a replay: one at a time."""
        about = f"replay {replay_id}"
        what = f"replay-{replay_id}"
        self._send(what, "workers.replay.replay", replay_id, described=about, most=1)

    def _send(
        self, what: str, function: str, *args: int | str, described: str, most: int = PER_WORKER
    ) -> bool:
        into = self._queues[FUNCTIONS[function]]
        job = into.create_job(
            function,
            args=args,
            timeout=JOB_TIMEOUT,
            result_ttl=RESULT_TTL,
            failure_ttl=FAILURE_TTL,
            description=described,
            status=JobStatus.QUEUED,
            job_id=f"{what}-{uuid4().hex}",
        )
        job.origin, job.enqueued_at = into.name, rq_now()
        record = [part for item in job.to_dict().items() if item[1] is not None for part in item]
        try:
            put = self._put(
                [into.key, WORKERS_BY_QUEUE_KEY % into.name, Queue.redis_queues_keys, job.key],
                [job.id, f"{what}-", most, RECORD_TTL, *record],
            )
        except RedisError as error:
            log.warning("hint.failed", hint=described, error=str(error)[:200])
            return False
        return bool(put)


def lengths(client: Redis) -> dict[str, int]:
    """Return how many hints wait in each queue; raises redis.RedisError."""
    counted: Any = client  # redis-py types each answer as a union of all it may be
    return {name: int(counted.llen(queue(name, client).key)) for name in QUEUES}


def tidy(client: Redis) -> int:
    """Delete all but the latest failed jobs, whose faults are in the log; return how many.

    RQ keeps them for a week, which is without bound where every job fails.
    """
    forgotten = 0
    flags: Any = client  # redis-py types each answer as a union of all it may be
    for name in QUEUES:
        flag = queue(name, client).registry_cleaning_key
        if int(flags.ttl(flag)) > RQ_CLEANS:  # raised while the server's clock was ahead
            flags.delete(flag)
        failed = queue(name, client).failed_job_registry
        for job_id in failed.get_job_ids(0, -1 - MAX_FAILED):
            failed.remove(job_id, delete_job=True)
            forgotten += 1
    return forgotten
