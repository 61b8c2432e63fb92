"""What the ledger refuses of disputes: each an answer, with a code of the language, as in `refusals.py`."""

from __future__ import annotations

from ledger.domain.refusals import Refusal


class UnknownDispute(Refusal):
    """The account has no such dispute."""

    code = "unknown-dispute"


class DisputeExists(Refusal):
    """The dispute's id has been used before."""

    code = "dispute-exists"


class AlreadyDecided(Refusal):
    """The dispute is decided."""

    code = "already-decided"


class AlreadyReopened(Refusal):
    """The dispute was opened again before, and can be once only."""

    code = "already-reopened"


class UnknownRecord(Refusal):
    """The account has no such record."""

    code = "unknown-record"


class WrongUnit(Refusal):
    """The record is kept in another unit."""

    code = "wrong-unit"


class EvidenceSeen(Refusal):
    """The evidence was seen before."""

    code = "evidence-seen"
