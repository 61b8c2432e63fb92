"""The log lines of the long-running verbs: JSON on standard error, a line each, by structlog.

They name commands, partitions and positions. What could tell of a person is never among them: should a line be given
such a field, it is left out here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from ledger.errors import page_of

PERSONAL = frozenset(
    {
        "actor",
        "approved_by",
        "customer",
        "decided_by",
        "identity",
        "msisdn",
        "principal",
        "reason_code",
        "to_msisdn",
    }
)
"""Fields of commands that name people or their numbers."""

_WHERE_IT_FAILED = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""The lines of code that an exception came through, without what their variables held: commands, and who sent them."""

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def without_persons(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leaves out what names people."""
    return {name: value for name, value in line.items() if name not in PERSONAL}


def with_its_page(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Names the page of the runbook beside a code that has one."""
    page = page_of(str(line.get("code", "")))
    return line if page is None else {**line, "page": page}


def log_as_json(level: str = "info") -> None:
    """From here on, what this process logs is JSON. `debug` has a line for every command."""
    threshold = LEVELS[level]
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_persons,
        with_its_page,
    ]
    structlog.configure(
        processors=[*shared, _WHERE_IT_FAILED, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # The libraries' own lines, in the same form.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    # It tells of every attempt to connect; what matters of it the writer says in its own words.
    logging.getLogger("kafka").setLevel(logging.WARNING if level == "debug" else logging.CRITICAL)
