"""Everything that the ledger refuses, and everything that stops it. A class's docstring is its message.

A `Refusal` is an answer: it has a code of the ledger's language and becomes an outcome. A `LedgerError`
stops the program: it has a code too, and each that concerns the log has a page in `docs/runbook/`.
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """The command was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str = "") -> None:
        message = (type(self).__doc__ or "").strip()
        super().__init__(f"{message} ({detail})" if detail else message)

    @property
    def message(self) -> str:
        """One sentence for a person, with the particulars in brackets."""
        return str(self)


class UnknownAccount(Refusal):
    """The number has no account."""

    code = "unknown-account"


class NotActive(Refusal):
    """The account is not activated yet."""

    code = "not-active"


class InGrace(Refusal):
    """The active period is over and the account is in grace: nothing that costs credit."""

    code = "grace"


class InWaiting(Refusal):
    """The account is in its waiting period: no use in either direction."""

    code = "waiting"


class AccountDeactivated(Refusal):
    """The account is deactivated for good."""

    code = "deactivated"


class AccountTerminated(Refusal):
    """The account is terminated."""

    code = "terminated"


class AccountExpired(Refusal):
    """The starter pack expired before it was activated."""

    code = "expired"


class UseBlocked(Refusal):
    """A block stands against it."""

    code = "blocked"


class InsufficientCredit(Refusal):
    """There is not enough credit."""

    code = "insufficient-credit"


class BelowMinimum(Refusal):
    """The amount is below the least that the terms allow."""

    code = "below-minimum"


class AboveMaximum(Refusal):
    """The amount is above the most that is allowed."""

    code = "above-maximum"


class AlreadyActive(Refusal):
    """The account is active already."""

    code = "already-active"


class AlreadyReversed(Refusal):
    """The top-up has been reversed already."""

    code = "already-reversed"


class UnknownTopUp(Refusal):
    """The account has no such top-up."""

    code = "unknown-top-up"


class UnknownReservation(Refusal):
    """No such reservation stands."""

    code = "unknown-reservation"


class ReservationExists(Refusal):
    """The reservation's id has been used before."""

    code = "reservation-exists"


class UnknownBlock(Refusal):
    """No such block stands."""

    code = "unknown-block"


class BlockExists(Refusal):
    """The block's id has been used before."""

    code = "block-exists"


class UnknownRequest(Refusal):
    """No such request is open."""

    code = "unknown-request"


class GroundNotInTerms(Refusal):
    """The account's terms do not know this ground."""

    code = "ground-not-in-terms"


class ReferenceRequired(Refusal):
    """The ground asks for more: the order's reference, or when the event began."""

    code = "reference-required"


class IdentityRequired(Refusal):
    """The person's identity was not checked."""

    code = "identity-required"


class ApprovalRequired(Refusal):
    """Somebody else than the one who asks has to approve it."""

    code = "approval-required"


class NumberNotAvailable(Refusal):
    """The number is not free for this."""

    code = "number-not-available"


class PackExpired(Refusal):
    """The starter pack's date has passed: it can no longer be activated, nor exchanged."""

    code = "pack-expired"


class LimitReached(Refusal):
    """The day's limit is reached."""

    code = "limit-reached"


class MustKeepMinimum(Refusal):
    """The sender would keep less credit than the terms demand."""

    code = "must-keep-minimum"


class NotEligible(Refusal):
    """The terms do not provide for it."""

    code = "not-eligible"


class InTheFuture(Refusal):
    """It lies in the future."""

    code = "in-the-future"


class TooLate(Refusal):
    """It comes too late."""

    code = "too-late"


class ClockBehind(Refusal):
    """Its time is further behind what is recorded already than the clock tolerance allows."""

    code = "clock-behind"


class IdempotencyConflict(Refusal):
    """The same command_id was used for another content."""

    code = "idempotency-conflict"


class Invalid(Refusal):
    """The command is not well formed."""

    code = "invalid"


def _subclasses(cls: type[Refusal]) -> list[type[Refusal]]:
    return [c for sub in cls.__subclasses__() for c in (sub, *_subclasses(sub))]


REFUSALS: dict[str, type[Refusal]] = {cls.code: cls for cls in _subclasses(Refusal)}
"""Every refusal of the language by its code."""


class LedgerError(Exception):
    """The ledger cannot go on."""

    code: ClassVar[str] = "ledger-error"
    exit_code: ClassVar[int] = 2


class LogLocked(LedgerError):
    """Another process is writing to this log."""

    code = "log-locked"


class LogLinked(LedgerError):
    """The log's file has several names (hard links): each would be another log."""

    code = "log-linked"


class LogMissing(LedgerError):
    """There is no log at this place."""

    code = "log-missing"


class LogUnreadable(LedgerError):
    """The log's file cannot be opened or written."""

    code = "log-unreadable"


class LogDamaged(LedgerError):
    """The log's file is damaged."""

    code = "log-damaged"


class LogFormatUnknown(LedgerError):
    """The log's file is of a format that this release does not know."""

    code = "log-format-unknown"


class LogFull(LedgerError):
    """There is no room left for the log."""

    code = "log-full"


class LogUnreachable(LedgerError):
    """No broker of the log can be reached."""

    code = "log-unreachable"


class TopicMismatch(LedgerError):
    """A topic of the log is not set up as the log needs it."""

    code = "topic-mismatch"


class RegistryMismatch(LedgerError):
    """The registry gives another schema for an id than the log's records were written with."""

    code = "registry-mismatch"


class RegistryUnreachable(LedgerError):
    """The schema registry cannot be reached."""

    code = "registry-unreachable"


class RegistryRefused(LedgerError):
    """The schema registry does not take a schema."""

    code = "registry-refused"


class WriterFenced(LedgerError):
    """Another writer has taken over the log, or this partition of it; nothing of what was under way was recorded."""

    code = "writer-fenced"


class InstanceTaken(LedgerError):
    """Another writer has joined the group by the name of this one."""

    code = "instance-taken"


class CommitUncertain(LedgerError):
    """A transaction did not end as it should; whether it was recorded, only the log can tell."""

    code = "commit-uncertain"


class MirrorFull(CommitUncertain):
    """There is no room left for a mirror; what was under way is recorded or not, as the log on Kafka tells."""

    code = "mirror-full"


class ClockMismatch(LedgerError):
    """The log was created with the other clock."""

    code = "clock-mismatch"


class TermsInvalid(LedgerError):
    """A terms file is not valid."""

    code = "terms-invalid"


class TermsChanged(LedgerError):
    """A terms file differs from what the log has published under its id."""

    code = "terms-changed"


class TermsMissing(LedgerError):
    """No terms of this id are known."""

    code = "terms-missing"


class SchemaUnknown(LedgerError):
    """An event was written by a schema that neither this release nor the log holds."""

    code = "schema-unknown"


class SettingsInvalid(LedgerError):
    """A setting is not valid."""

    code = "settings-invalid"


class DatabaseUnreachable(LedgerError):
    """The projections' database cannot be reached."""

    code = "database-unreachable"


class DatabaseFull(LedgerError):
    """There is no room left for the projections."""

    code = "database-full"


class DatabaseFormatUnknown(LedgerError):
    """The projections' tables are of another release."""

    code = "database-format-unknown"


class DatabaseDamaged(LedgerError):
    """A table of the projections is gone, or is not what it was made as."""

    code = "database-damaged"


class LogMismatch(LedgerError):
    """Projections or a mirror are of another log, or of this one as it was before it was made anew or restored."""

    code = "log-mismatch"


class SumOutOfRange(LedgerError):
    """A sum of money is beyond what the projections' database holds: nine times ten to the eighteenth sen."""

    code = "sum-out-of-range"


class QueryRefused(LedgerError):
    """The question cannot be answered."""

    code = "query-refused"


class PolicyRefused(LedgerError):
    """What had to follow from a recorded event was refused: it is set apart, and its money is in transit."""

    code = "policy-refused"


class CommandDefect(LedgerError):
    """A command made the ledger's own code fail; nothing of it was recorded."""

    code = "defect"


SET_APART = frozenset({CommandDefect.code, PolicyRefused.code})
"""Why a command is set apart: the same command may be sent again once the code is mended."""

NOT_JOURNALED = SET_APART | {Invalid.code, IdempotencyConflict.code, ClockBehind.code}
"""Answers after which the same id may be used again: nothing was decided."""
