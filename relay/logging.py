"""Structured logs: readable on a terminal, one JSON object a line elsewhere, secrets masked."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from codat.capabilities import is_capability
from relay.masking import MASK, SECRET_NAMES, without_secrets

MAX_VALUE_LENGTH = 400  # characters of any one value; what a sender wrote must not flood the log
MAX_TRACE_LENGTH = 20 * MAX_VALUE_LENGTH
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
CONTROLS_IN_TRACE = re.compile(r"(?!\n)" + CONTROLS.pattern)


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's warnings to one stream, in one form."""
    out = stream or sys.stderr
    render: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer()]
    if out.isatty():
        plain = structlog.dev.plain_traceback  # a pretty one would show local variables
        render = [escape_controls, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask values that look like secrets or stand under a secret's name, and cut long ones."""
    for name, value in event.items():
        event[name] = _shown(
            name, value, MAX_TRACE_LENGTH if name == "exception" else MAX_VALUE_LENGTH
        )
    return event


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write control characters as escapes, so that no name can move a terminal's cursor."""
    for name, value in event.items():
        if isinstance(value, str):
            controls = CONTROLS_IN_TRACE if name == "exception" else CONTROLS
            event[name] = controls.sub(lambda found: repr(found[0])[1:-1], value)
    return event


def _shown(name: object, value: Any, longest: int) -> Any:
    if SECRET_NAMES.search(str(name)) or is_capability(str(name)):
        return MASK
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    if isinstance(value, str):
        return without_secrets(value)[:longest]
    if isinstance(value, Mapping):
        return {str(key): _shown(key, inner, longest) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(name, inner, longest) for inner in value]
    if isinstance(value, BaseException):
        return _shown(name, str(value), longest)
    return value
