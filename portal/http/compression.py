"""Answers compressed for those who take it: pages of events shrink to a tenth, others to a third.

Customers' pages hold a secret, their link. They may be compressed all the same: only those who know
the link can have such a page fetched, with or without words of their own in it.
"""

import gzip

from flask import Flask, Response, request

MIN_BYTES = 1024  # bytes; below, the saving is not worth the work
PAGES = "/link/"
UNDER = ("/v1/", PAGES)
TEXT = frozenset({"text/html", "text/css", "text/javascript"})
LEVEL = 1  # quick; higher levels save little on JSON


def register(app: Flask) -> None:
    """Compress whole answers under /v1, and texts under /link."""

    @app.after_request
    def compress(response: Response) -> Response:
        if not request.path.startswith(UNDER) or response.is_streamed:
            return response
        if request.path.startswith(PAGES) and response.mimetype not in TEXT:
            return response  # pictures are small already
        response.vary.add("Accept-Encoding")
        takes = request.accept_encodings.quality("gzip") > 0
        if takes and "Content-Encoding" not in response.headers:
            body = response.get_data()
            if len(body) >= MIN_BYTES:
                response.set_data(gzip.compress(body, LEVEL))
                response.headers["Content-Encoding"] = "gzip"
        return response
