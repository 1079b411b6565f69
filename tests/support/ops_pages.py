"""An operator signs in to the operators' pages and reads them."""

import html
import re

from support.portal_bench import VIEWER, Portal


def get(portal: Portal, path: str):
    return portal.get(path, token=None)


def proof(page) -> str:
    return re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]


def sign_in(portal: Portal, token: str = VIEWER, **changes):
    form = {"token": token, "csrf": proof(get(portal, "/ops/"))} | changes
    return portal.post("/ops/sign-in", token=None, data=form)


def text_of(page) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
