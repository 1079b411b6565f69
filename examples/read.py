"""Read the log over HTTP from where we stopped: `read.py URL TOKEN CURSOR_FILE`."""

import sys
import time
from pathlib import Path

import requests

url, token, file = sys.argv[1], sys.argv[2], Path(sys.argv[3])
session = requests.Session()
session.headers["Authorization"] = f"Bearer {token}"
path = file.read_text() if file.exists() else "/v1/events?after=0&limit=500&wait=20"
while True:
    answer = session.get(url + path, timeout=40)
    if answer.status_code in (409, 410):  # the log was reset, or no longer reaches so far back
        raise SystemExit(answer.json()["detail"])
    answer.raise_for_status()
    for event in answer.json()["events"]:  # the work
        print(event["id"], event["type"], flush=True)
    path = answer.links["next"]["url"]
    file.write_text(path)  # only once the work is done: killed before, it comes again
    time.sleep(int(answer.headers.get("Retry-After", 0)))  # too many wait there already
