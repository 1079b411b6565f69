"""Measure a customer's first page on a slow line: `python -m bench.link`; ends with 1 if too slow.

Everything runs as `codat-relay up` runs it, against the sandbox; the browser is Chromium with its
line and its processor slowed, its cache empty each time.
"""

import json
import shutil
import sys
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

import click
from playwright.sync_api import Browser, sync_playwright

from bench.processes import DidNotWork, environment, free_port, running, scratch, wait_for_port

LINE = {"downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8, "latency": 150}
SLOWDOWN = 4  # times, of the processor
PHONE = {"width": 390, "height": 844}
GOAL_MS, GOAL_BYTES = 1000, 50_000
OBSERVE = """
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.painted = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
"""


@click.command()
@click.option("--visits", default=7, show_default=True, type=click.IntRange(1, 100))
def main(visits: int) -> None:
    """Measure a customer's first page on a slow line and print it; 1 when a goal is missed."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("bench: needs chromium")
    with scratch() as folder:
        port, sandbox = free_port(), free_port()
        env = environment("", PORT=str(port), SANDBOX_PORT=str(sandbox))
        env = {name: value for name, value in env.items() if value and "SECRETS" not in name}
        with running(["-m", "cli", "up"], env, folder) as process:
            wait_for_port(port, process)
            link = _invite(port, folder)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                found = [_visit(browser, link) for _ in range(visits)]
    painted = [ms for ms, _, _ in found]
    _, size, hosts = found[-1]
    print(f"largest paint  median {median(painted):.0f} ms, worst {max(painted):.0f} ms")
    print(f"bytes          {size} without logos (page, style, script), hosts asked: {hosts}")
    sys.exit(int(median(painted) > GOAL_MS or size > GOAL_BYTES or hosts != 1))


def _invite(port: int, folder: Path) -> str:
    token = (folder / ".relay" / "operator-token").read_text().strip()
    request = Request(
        f"http://127.0.0.1:{port}/v1/journeys",
        data=b'{"reference": "bench"}',
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    for _ in range(50):
        try:
            with urlopen(request, timeout=10) as answer:
                return str(json.load(answer)["link"])
        except OSError:
            continue
    raise DidNotWork("no journey could be made")


def _visit(browser: Browser, link: str) -> tuple[float, int, int]:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    sent: list[tuple[str, int]] = []
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", {"offline": False, **LINE})
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    page.on("requestfinished", lambda r: sent.append((r.url, r.sizes()["responseBodySize"])))
    page.add_init_script(OBSERVE)
    page.goto(link)
    page.wait_for_timeout(1500)
    painted = float(page.evaluate("window.painted"))
    page.mouse.click(1, 1)
    context.close()
    size = sum(count for url, count in sent if "/link/logos/" not in url)
    return painted, size, len({url.split("/")[2] for url, _ in sent})


if __name__ == "__main__":
    main()
