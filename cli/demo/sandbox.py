"""The sandbox's controls: what a customer, or a platform, does to a company."""

import requests

from cli.addresses import session_for
from cli.faults import Failed, Unreachable

TIMEOUT = 10.0  # seconds


class Sandbox:
    """The controls of the sandbox at one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = session_for(url)

    def does(self, act: str, company_id: str, **how: str) -> None:
        """Do `act` to a company; raises Unreachable or Failed."""
        address = f"{self.url}/sandbox/companies/{company_id}/{act}"
        try:
            answer = self._session.post(address, json=how, timeout=TIMEOUT)
        except requests.RequestException:
            raise Unreachable(f"The sandbox at {self.url} does not answer.") from None
        if not answer.ok:
            raise Failed(f"The sandbox refused to {act}: {answer.status_code} {answer.text[:200]}")
