"""Acknowledge a change only once it is safe: wait for that, or refuse the request."""

from collections.abc import Callable

from flask import Flask, Response, current_app, request
from redis.exceptions import RedisError

from relay.store.server.guard import Guard, NotDurable

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


def register(app: Flask, guard: Callable[[], Guard]) -> None:
    """Check with `guard` before and after each request that may change something."""

    @app.before_request
    def demand() -> None:
        if _may_change():
            guard().demand()

    @app.after_request
    def settle(response: Response) -> Response:
        if not _may_change() or response.status_code >= 400:
            return response
        try:
            guard().settle()
        except (RedisError, NotDurable) as error:
            return current_app.make_response(current_app.handle_user_exception(error))
        return response


def _may_change() -> bool:
    return request.method in CHANGES and request.endpoint is not None
