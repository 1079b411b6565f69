"""One worker process: stock RQ on one queue, with our parts behind the jobs."""

import re

import structlog
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from relay.budget import make_client
from relay.heartbeat import Heartbeat
from relay.queues import DELIVER, HintJob, Hints, queue
from relay.settings import Settings
from relay.store import Store
from relay.store.connect import connect
from workers import deliver
from workers.context import Context, use

MAINTENANCE_SECONDS = 60

log = structlog.get_logger(__name__)


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
    # RQ lengthens the timeouts of the pool it is given, so it gets one of its own.
    connection = connect(settings.redis_url)
    worker = SimpleWorker(
        [queue(queue_name, connection)],
        connection=connection,
        job_class=HintJob,
        serializer=JSONSerializer,
        log_job_description=False,
        maintenance_interval=MAINTENANCE_SECONDS,
    )
    if not burst:
        Heartbeat(f"worker {queue_name}", lambda: store).start()
    log.info("worker.started", queue=queue_name)
    worker.work(burst=burst, with_scheduler=False, logging_level="WARNING")
    if queue_name == DELIVER:
        deliver.finish()
