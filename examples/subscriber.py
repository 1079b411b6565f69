"""Take signed webhooks: `subscriber.py PORT SECRET`. Any Standard Webhooks library verifies."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine."""

    def do_POST(self) -> None:
        """Verify the raw body, do the work, answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_error(401)
            return
        event = json.loads(body)  # the work: it may come twice, so tell by epoch and id
        print(event["id"], event["type"], flush=True)
        self.send_response(204)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
