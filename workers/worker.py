"""One worker process: stock RQ on one queue, with our parts behind the jobs."""

import re
import time
from contextlib import suppress

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from relay.budget import make_client
from relay.heartbeat import Heartbeat
from relay.queues import DELIVER, HintJob, Hints, queue
from relay.settings import Settings
from relay.store import Store
from relay.store.server.connect import connect
from workers import delivery
from workers.context import Context, use

MAINTENANCE_SECONDS = 60
COME_BACK_AFTER = 1.0  # seconds
LONGEST_WAIT = 5.0  # seconds between two tries to reach the server

log = structlog.get_logger(__name__)


class HintWorker(SimpleWorker):
    """RQ's worker, but that it comes back soon after an outage, and looks up no address of its own.

    redis-py cannot read the server's list of clients when a socket's path has a space in it.
    """

    max_connection_wait_time = LONGEST_WAIT  # RQ's own is a minute

    def _set_ip_address(self, connection: Redis) -> None:
        self.ip_address = "unknown"


def make_context(settings: Settings, store: Store) -> Context:
    """Put a worker's parts together."""
    pattern = settings.relay_placeholder_pattern
    return Context(
        settings=settings,
        store=store,
        hints=Hints(store.client),
        codat=make_client(settings, store),
        placeholders=re.compile(pattern) if pattern else None,
    )


def work(queue_name: str, settings: Settings, burst: bool = False) -> None:
    """Work on one queue until told to stop (or, with `burst`, until it is empty).

    One queue per process: on two, a worker that is killed loses the job it was about to take. No
    fork per job: jobs are hints, and what they do is safe to be killed and to be done twice.
    """
    store = Store.open(settings)
    assert settings.redis_url is not None
    use(make_context(settings, store))
    if not burst:
        Heartbeat(f"worker {queue_name}", lambda: store).start()
    log.info("worker.started", queue=queue_name)
    # RQ lengthens the timeouts of the pool it is given, so it gets one of its own.
    url = settings.redis_url
    with suppress(StopRequested):  # by a signal between two tries
        while not _work_once(queue_name, connect(url), burst=burst) and not burst:
            time.sleep(COME_BACK_AFTER)
    if queue_name == DELIVER:
        delivery.finish()


def _work_once(queue_name: str, connection: Redis, *, burst: bool) -> bool:
    """Work until told to stop (True), or until RQ gave up on an error of the server (False).

    RQ ends at an answer it does not know, as in a fail-over: by then the primary is a replica.
    """
    worker = None
    try:
        with connection:
            worker = HintWorker(
                [queue(queue_name, connection)],
                connection=connection,
                job_class=HintJob,
                serializer=JSONSerializer,
                log_job_description=False,
                maintenance_interval=MAINTENANCE_SECONDS,
            )
            worker.work(burst=burst, with_scheduler=False, logging_level="WARNING")
    except RedisError as error:
        if burst:
            raise
        log.warning("worker.broke_off", queue=queue_name, error=str(error)[:200])
    return worker is not None and worker._shutdown_requested_date is not None
