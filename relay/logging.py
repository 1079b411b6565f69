"""Structured logs: readable on a terminal, one JSON object a line elsewhere, secrets masked."""

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

MASK = "[hidden]"
LONGEST = 400  # characters of any one value; what a sender wrote must not flood the log
SECRET_NAMES = re.compile(r"(authorization|signature|secret|token|api_?key|password)", re.I)
SECRET_VALUES = re.compile(r"(whsec_[A-Za-z0-9+/=]+|(?:Basic|Bearer)\s+[A-Za-z0-9+/=._-]{6,})")


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's warnings to one stream, in one form."""
    out = stream or sys.stderr
    on_terminal = out.isatty()
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=render)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask values that look like secrets or stand under a secret's name, and cut long ones."""
    for name, value in event.items():
        if SECRET_NAMES.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            limit = LONGEST * 20 if name == "exception" else LONGEST
            event[name] = SECRET_VALUES.sub(MASK, value)[:limit]
    return event
