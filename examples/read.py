"""Read the log over HTTP from where we stopped: `read.py URL TOKEN CURSOR_FILE`."""

import sys
import time
from pathlib import Path
from typing import NoReturn

import requests

FIRST = "/v1/events?after=0&limit=500&wait=20"


def main(url: str, token: str, file: Path) -> None:
    """Print each event, and keep in the file where to go on."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    while True:
        path = (file.read_text().strip() if file.exists() else "") or FIRST
        try:
            answer = session.get(url + path, timeout=40)
        except ValueError as error:  # the address, or the token, can never be sent
            refuse(f"URL or TOKEN cannot be used: {error}")
        except requests.RequestException as error:
            print(f"No answer ({type(error).__name__}); once more.", file=sys.stderr, flush=True)
            time.sleep(2)
            continue
        if answer.status_code in (409, 410):
            keep(file, recovered(answer.json()))
        elif answer.status_code in (429, 503):
            time.sleep(int(answer.headers.get("Retry-After", 2)))
        elif not answer.ok:
            sys.exit(f"{answer.status_code} {answer.text}")
        else:
            for event in answer.json()["events"]:  # the work
                print(event["id"], event["type"], flush=True)
            # Only once the work is done: killed before, it comes again.
            keep(file, answer.links["next"]["url"])
            time.sleep(int(answer.headers.get("Retry-After", 0)))  # too many wait there already


def refuse(why: str) -> NoReturn:
    """Exit with the reason why this cannot start."""
    print(why, file=sys.stderr)
    sys.exit(2)


def keep(file: Path, place: str) -> None:
    """Keep the place whole or not at all, also when killed or out of disk half-way."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(place)
    new.replace(file)


def recovered(problem: dict[str, str]) -> str:
    """Print why the log cannot be read on as it was; return where it goes on now."""
    print(problem["detail"], file=sys.stderr, flush=True)
    # The work: what was missed stands in /v1/companies. After 409, numbers may come again.
    if problem["status"] == 410:
        return FIRST.replace("after=0", f"after={problem['oldest']}")
    return FIRST.replace("after=0", f"after={problem['newest']}&epoch={problem['epoch']}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        refuse(f"{__doc__}")
    try:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
