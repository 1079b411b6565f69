"""Take signed webhooks: `subscriber.py PORT SECRET`. Any Standard Webhooks library verifies."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

if len(sys.argv) != 3 or not sys.argv[1].isdigit():
    sys.exit(f"{__doc__}")
try:
    webhook = Webhook(sys.argv[2])
except (ValueError, RuntimeError) as error:
    sys.exit(f"SECRET is the one that the subscription was answered with: {error}")


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


try:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
except (OSError, OverflowError) as error:
    sys.exit(f"Port {sys.argv[1]}: {error}")
except KeyboardInterrupt:
    sys.exit(130)
