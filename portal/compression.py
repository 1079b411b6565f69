"""Answers of the API compressed for those who take it: pages of events shrink to a tenth."""

import gzip

from flask import Flask, Response, request

SMALLEST = 1024  # bytes; below, the saving is not worth the work
LEVEL = 1  # quick; higher levels save little on JSON


def register(app: Flask) -> None:
    """Compress whole JSON answers under /v1."""

    @app.after_request
    def compress(response: Response) -> Response:
        if not request.path.startswith("/v1/") or response.is_streamed:
            return response
        response.vary.add("Accept-Encoding")
        takes = request.accept_encodings.quality("gzip") > 0
        if takes and "Content-Encoding" not in response.headers:
            body = response.get_data()
            if len(body) >= SMALLEST:
                response.set_data(gzip.compress(body, LEVEL))
                response.headers["Content-Encoding"] = "gzip"
        return response
