"""What the read side asks of a log: decoded events in order, the journal of decisions, and what is closed.

Any log can be read through this; `bootstrap` hands the read side one. Instants are UTC microseconds, ordinals count
the events of a partition from 1 without gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from ledger.domain.events import Event
from ledger.domain.partition.events import LogCreated
from ledger.domain.terms_book import TermsBook

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import


class Placed(Protocol):
    """An event with its ordinal in the log."""

    @property
    def ordinal(self) -> int:
        """The partition's events count from 1 without gaps."""

    @property
    def event(self) -> Event:
        """What happened."""


class Recorded(Placed, Protocol):
    """An event with its ordinal in the log, and what proves it."""

    @property
    def digest(self) -> bytes:
        """What chains it to its account's event before."""


class Decided(Protocol):
    """A decided command as the journal has it, and what became of it."""

    @property
    def entry(self) -> int:
        """Its number in the partition's journal, from 1 without gaps."""

    @property
    def subject(self) -> str:
        """The number that it is about, or another subject."""

    @property
    def command_id(self) -> str:
        """The command's id, unique per number."""

    @property
    def name(self) -> str:
        """The command's name, such as `TopUp`."""

    @property
    def at(self) -> int:
        """The instant that it was taken at."""

    @property
    def principal(self) -> str | None:
        """Who sent it, as far as the entry point that took it in knew."""

    @property
    def code(self) -> str | None:
        """The refusal's code; None where it was accepted."""

    @property
    def message(self) -> str | None:
        """The refusal in a sentence."""

    @property
    def ordinal(self) -> int:
        """The log's head once it was done."""

    @property
    def events(self) -> tuple[tuple[str, str, int], ...]:
        """Its own events: type, account and version of each."""


class Columns(Protocol):
    """Some events of one partition, as Arrow tables."""

    @property
    def last(self) -> int:
        """The ordinal of the last of them."""

    @property
    def common(self) -> pa.Table:
        """What every event has: `ordinal`, `type`, `effective_at`, `recorded_at`, `terms`, the list of `postings`."""

    def of(self, topic: str) -> pa.Table | None:
        """The events of a type with `ordinal` and their own fields too; None where there is none."""

    def events(self, types: Collection[str]) -> Sequence[Placed]:
        """The events of some types (full names such as `ledger.…`) one by one, in order."""


class LogSnapshot(Protocol):
    """A log, or one partition of it, as it stood at one moment; whatever is written meanwhile is not seen.

    Every method may raise a LedgerError: LogDamaged where something does not decode, SchemaUnknown where something
    was written by a later release.
    """

    @property
    def partition(self) -> int:
        """The partition's number."""

    @property
    def head(self) -> int:
        """The ordinal of the last event; 0 in an empty log."""

    @property
    def closed_through(self) -> int | None:
        """No event recorded from here on has `recorded_at` at or before this instant; None: nothing is closed yet."""

    @property
    def created(self) -> LogCreated | None:
        """The first event of the log; None where nothing has been recorded yet."""

    @property
    def book(self) -> TermsBook:
        """The terms that the log has published, whenever that was."""

    def events(self, start: int = 1, *, types: Collection[str] | None = None) -> Iterator[Recorded]:
        """The events from an ordinal on, in order; with `types` only those (full names such as `ledger.…`)."""

    def events_of(self, msisdn: str) -> Iterator[Recorded]:
        """The events of a number and of all its accounts, in order."""

    def numbers(self) -> Iterator[str]:
        """Every number that has events, ascending."""

    def decided(self, subject: str) -> Iterator[Decided]:
        """What the journal has of a number, in order."""

    def decisions(self, *, last_first: bool = False) -> Iterator[Decided]:
        """What the journal has of all numbers, in order or the last first."""

    def decision(self, subject: str, command_id: str) -> Decided | None:
        """What the journal has of one command."""

    def recorded_by(self, known_at: int) -> int:
        """The ordinal of the last event with `recorded_at` at or before an instant; 0 where there is none."""


class LogReader(Protocol):
    """Opens a log for reading. It never writes, nor locks anybody out."""

    def snapshot(self) -> AbstractContextManager[LogSnapshot]:
        """The log as it stands now. Raises LogMissing, LogUnreadable, LogDamaged or LogFormatUnknown."""


class Bulk(Protocol):
    """One partition to be read in bulk: of a log as it stood at one moment, or of an archive of it."""

    @property
    def partition(self) -> int:
        """The partition's number."""

    @property
    def head(self) -> int:
        """The ordinal of the last event."""

    def events(self, start: int = 1, *, types: Collection[str] | None = None) -> Iterator[Recorded]:
        """The events from an ordinal on, in order; with `types` only those."""

    def columns(self, start: int, end: int, size: int) -> Iterator[Columns]:
        """The events from one ordinal through another as columns, about so many at once."""


class BulkSource(Protocol):
    """Opens what is read in bulk."""

    def snapshot(self) -> AbstractContextManager[Bulk]:
        """It, as it stands now. Raises what keeps it from being read."""


Seal = tuple[int, bytes]
"""A seal's number (they count from 1), and its digest, over all that was written of a log by then."""


class BulkSnapshot(LogSnapshot, Bulk, Protocol):
    """A log that is read in bulk, too."""

    def seal(self, number: int | None = None) -> Seal | None:
        """The last seal, which covers all of it, or that of a number; None where there is none.

        None, too, of a mirror: its seals are over what arrived together, and each mirror has others.
        """


class BulkReader(Protocol):
    """Opens a log, or one partition of it, that is read in bulk, too."""

    def snapshot(self) -> AbstractContextManager[BulkSnapshot]:
        """The log as it stands now. Raises LogMissing, LogUnreadable, LogDamaged or LogFormatUnknown."""
