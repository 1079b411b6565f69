"""Take signed webhooks: `subscriber.py PORT SECRET`. Any Standard Webhooks library verifies."""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from standardwebhooks import Webhook, WebhookVerificationError


def refuse(why: str) -> NoReturn:
    """Exit with the reason why this cannot start."""
    print(why, file=sys.stderr)
    sys.exit(2)


if len(sys.argv) != 3:
    refuse(f"{__doc__}")
port, secret = sys.argv[1:]
if not port.isdecimal() or not 0 < int(port) < 65536:
    refuse(f"{__doc__}\nPORT is a number from 1 to 65535.")
try:
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
except ValueError:
    key = b""
if not 24 <= len(key) <= 64:  # what the specification of Standard Webhooks allows
    refuse("SECRET is not the one that the subscription was answered with, `whsec_...` whole.")
webhook = Webhook(secret)


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
        event = json.loads(body)  # the work: it may come twice, so compare epoch and id
        print(event["id"], event["type"], flush=True)
        self.send_response(204)
        self.end_headers()


try:
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
except OSError as error:
    sys.exit(f"Port {port}: {error}")
except KeyboardInterrupt:
    sys.exit(130)
