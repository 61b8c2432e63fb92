"""Why a question is not answered. No question ever answers zero instead."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.calendar import format_instant
from ledger.errors import QueryRefused
from projections.engine.answers import Moment


class UnknownThen(QueryRefused):
    """Nothing of it is known as of then."""

    code: ClassVar[str] = "unknown-account"


class UnknownCommand(QueryRefused):
    """No decided command of that number has this id."""

    code: ClassVar[str] = "unknown-command"


class KnownBeyondNow(QueryRefused):
    """What will be known later cannot be asked for now."""

    code: ClassVar[str] = "in-the-future"


class SeveralZones(QueryRefused):
    """A day is asked for, and it is not clear of which zone."""

    code: ClassVar[str] = "several-zones"


class BeforeTheLog(QueryRefused):
    """The log begins later."""

    code: ClassVar[str] = "before-the-log"


class ProjectionBehind(QueryRefused):
    """The projections have not taken in the position asked for yet."""

    code: ClassVar[str] = "projection-behind"


def unknown(subject: str, moment: Moment) -> UnknownThen:
    """What is said where nothing of a subject is known as of then."""
    then = f"as of {format_instant(moment.as_of)}, known at {format_instant(moment.known_at)}"
    return UnknownThen(f"{subject} is not known {then}")
