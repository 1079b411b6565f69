"""The naive way, for comparison: Flask, a verified webhook, one RQ job each, one hash written.

It is what the parts' own quick starts add up to. It counts no repeats, keeps no order and no log.
"""

import os

from flask import Flask, request
from redis import Redis
from rq import Queue
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

QUEUE = "naive"
APPLY = "bench.naive_jobs.apply_event"


def create_app() -> Flask:
    app = Flask(__name__)
    webhook = Webhook(os.environ["CODAT_WEBHOOK_SECRETS"])
    queue = Queue(QUEUE, connection=Redis.from_url(os.environ["REDIS_URL"]))

    @app.post("/webhooks/codat")
    def take() -> tuple[str, int]:
        try:
            event = webhook.verify(request.data, dict(request.headers))
        except WebhookVerificationError:
            return "not proved genuine", 401
        queue.enqueue(APPLY, event)
        return "", 204

    return app
