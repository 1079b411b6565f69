"""RQ as a carrier of hints: a job says "look there", never what to do; a lost one costs seconds."""

from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

DRAIN = "drain"
CODAT = "codat"
DELIVER = "deliver"
QUEUES = (DRAIN, CODAT, DELIVER)

# The only functions a job may name, by the queue that carries them.
FUNCTIONS = {
    "workers.drain.drain": DRAIN,
    "workers.replay.replay": DRAIN,
    "workers.perform.perform": CODAT,
    "workers.deliver.deliver": DELIVER,
}
RESULT_TTL = 0
FAILURE_TTL = 7 * 86_400
JOB_TIMEOUT = 120  # seconds; a backstop, the jobs hand on long before

log = structlog.get_logger(__name__)


class ForbiddenJob(Exception):
    """A job names a function that is not one of ours."""


class HintJob(Job):
    """A job that runs nothing but the functions listed here, whoever wrote it to Redis."""

    @property
    def func(self) -> Any:
        """The function; raises ForbiddenJob unless it is listed."""
        if self.func_name not in FUNCTIONS:
            raise ForbiddenJob(f"a job names {self.func_name!r:.100}, which is not one of ours")
        return super().func


def queue(name: str, client: Redis) -> Queue:
    """Give one of our queues on `client`, which must hand out bytes."""
    return Queue(name, connection=client, serializer=JSONSerializer, job_class=HintJob)


class Hints:
    """Sends hints; a failure is logged and forgiven, because the sweeper makes up for it."""

    def __init__(self, client: Redis) -> None:
        self._queues = {name: queue(name, client) for name in QUEUES}

    def drain(self, lane: int) -> None:
        """Ask a worker to drain `lane`."""
        self._send("workers.drain.drain", lane, described=f"drain lane {lane}")

    def perform(self) -> None:
        """Ask a worker to do what is due at Codat."""
        self._send("workers.perform.perform", described="perform due intents")

    def deliver(self) -> None:
        """Ask a worker to deliver events to subscribers."""
        self._send("workers.deliver.deliver", described="deliver events")

    def replay(self, replay_id: str) -> None:
        """Ask a worker to go on with a replay."""
        self._send("workers.replay.replay", replay_id, described=f"replay {replay_id}")

    def _send(self, function: str, *args: int | str, described: str) -> None:
        try:
            self._queues[FUNCTIONS[function]].enqueue_call(
                function,
                args=args,
                timeout=JOB_TIMEOUT,
                result_ttl=RESULT_TTL,
                failure_ttl=FAILURE_TTL,
                description=described,
            )
        except RedisError as error:
            log.warning("hint.failed", hint=described, error=str(error)[:200])
