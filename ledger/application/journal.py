"""What the application asks of a log beyond the `eventsourcing` library's recorder: the journal and its keeping.

The journal holds every decided command, as it came, with its outcome; it is written in the same transaction as the
events. The other rows can be made again from events and journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ledger.application.outcomes import Outcome
from ledger.domain.calendar import Zone
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.subject import State
from ledger.domain.terms_book import Document

if TYPE_CHECKING:
    from eventsourcing.persistence import Notification, StoredEvent  # slow to import


class JournalEntry(NamedTuple):
    """A decided command and its outcome; `chain` is the digest of this row chained to the subject's row before."""

    subject: str
    command_id: str
    name: str
    command_digest: bytes
    command: bytes
    """The command as it came, in Avro, after the mark of its schema."""
    at: int
    """The instant that it was taken at."""
    code: str | None
    """The refusal's code; None where it was accepted."""
    message: str | None
    ordinal: int
    """The log's head once the command was done."""
    first_event: int
    """The ordinal of its first own event."""
    event_count: int
    chain: bytes
    principal: str | None = None
    """Who sent it, by the word of the entry point that took it in; None where that knew nobody."""


class SubjectHead(NamedTuple):
    """Where a subject stands: when it falls due next (None: never), and the last digest of its journal."""

    subject: str
    due_at: int | None
    chain: bytes


class History(NamedTuple):
    """All that was recorded of a subject: where it stands, and its events by stream; none of a stream without any.

    Where nothing was recorded of it, `head` is None.
    """

    subject: str
    head: SubjectHead | None
    streams: Mapping[str, Sequence[StoredEvent]]


class PartitionStanding(NamedTuple):
    """Where a partition stands, as a clock sees it. Instants are microseconds; -NEVER: not yet."""

    closed_through: int
    recorded_at: int
    """When something else than a closing was recorded last."""
    zones: frozenset[Zone]
    """Of the terms that it has published: whose days begin when."""
    position: str


class Claim(NamedTuple):
    """An id that an account has used, and may use no more."""

    account: str
    kind: str
    id: str


class Apart(NamedTuple):
    """What followed from the batch's so many-th command, and could not be carried out."""

    cause: int
    command: Command
    reason: str


class StateSnapshot:
    """What a stream's events add up to at a version, as the `eventsourcing` library keeps it."""

    __slots__ = ("originator_id", "originator_version", "state")

    def __init__(self, state: State) -> None:
        self.originator_id = state.id
        self.originator_version = state.version
        self.state = state


class CommandCodec(Protocol):
    """The Avro form of commands and outcomes."""

    def learn(self, schemas: Iterable[Any]) -> None:
        """Takes in schemas of other releases, so that what they wrote can be read."""

    def event_state(self, event: Event) -> bytes:
        """The bytes of an event, with the mark of its schema."""

    def command_content(self, command: Command) -> bytes:
        """The body of a command without its `at`."""

    def command_digest(self, command: Command, content: bytes) -> bytes:
        """What names a command's content."""

    def command_state(self, command: Command, content: bytes, *, stated_at: bool) -> bytes:
        """A command as it came, with the mark of its schema."""


class LedgerMapper(Protocol):
    """A mapper of the `eventsourcing` library that knows commands and outcomes too."""

    codec: CommandCodec

    def to_stored_event(self, domain_event: Any) -> StoredEvent:  # noqa: ANN401 - an Event or a StateSnapshot
        """The bytes of an event, or of a snapshot."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:  # noqa: ANN401
        """The event, or the snapshot, that those bytes hold."""


class LedgerRecorder(Protocol):
    """A log that the ledger can write to."""

    partition: int
    partitions: int
    ids: str | None
    """What other partitions of the log have, where this one has not begun: numbers or tokens; None: none has."""
    """How many the log has."""
    awaits_answers: bool
    """Whether outcomes are to be written even where nothing was recorded."""

    def is_here(self, subject: str) -> bool:
        """Whether a subject belongs to this log, or to this partition of it."""

    def insert_events(  # noqa: PLR0913 - a transaction has that many parts
        self,
        stored_events: Sequence[StoredEvent],
        *,
        journal: Sequence[JournalEntry] = (),
        heads: Sequence[SubjectHead] = (),
        claims: Sequence[Claim] = (),
        happened: Sequence[Event] = (),
        outcomes: Sequence[Outcome] = (),
        forwarded: Sequence[Command] = (),
        apart: Sequence[Apart] = (),
    ) -> Sequence[int] | None:
        """Writes it all in one transaction.

        `happened` are the stored events themselves, `outcomes` the answers to all commands in their order, `forwarded`
        are commands for other partitions, `apart` those that could not be carried out.
        """

    def recall(self) -> int:
        """The ordinal of the last event. What is written next is written only if the log still ends there.

        Raises LogDamaged where its end is not the one that was sealed; `insert_events` raises WriterFenced.
        """

    def answered(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, Outcome]]:
        """For each (subject, command_id) decided before: its command's digest, and its outcome."""

    def head_of(self, subject: str) -> SubjectHead | None:
        """Where a subject stands, its chain of 32 zero bytes where it has no journal; None where nothing was recorded.

        Raises LogDamaged where it has other events than were recorded of it, or another last journal entry.
        """

    def histories(self, subjects: Sequence[str]) -> list[History]:
        """Of those subjects that can be read at once all that was recorded; the others are to be read alone."""

    def let_go(self, streams: Iterable[str]) -> None:
        """Forgets how these streams end: they are not written to again soon."""

    def claimed(self, account: str, kind: str, id_: str) -> bool:
        """Whether the account has used that id."""

    def digest_at(self, stream: str, version: int) -> bytes:
        """The digest of a stream's event; 32 zero bytes where there is none."""

    def due(self, until: int, limit: int) -> list[str]:
        """Subjects that something falls due for at or before an instant, earliest first."""

    def recorded_last(self) -> int:
        """When something else than a closing was recorded last (`recorded_at`); -NEVER where nothing was."""

    def foreign_schemas(self) -> Sequence[Any]:
        """The schemas that the log holds from other releases: what a codec has to learn to read it."""

    def published_terms(self) -> list[Document]:
        """The content and the digest of every terms that the partition has published."""

    def clock_mode(self) -> str:
        """`live` or `played`."""

    def snapshot(self, stored_events: Sequence[StoredEvent]) -> None:
        """Keeps snapshots, and forgets older ones of the same accounts."""

    def max_notification_id(self) -> int | None:
        """The ordinal of the last event."""

    def select_notifications(self, start: int | None, limit: int) -> Sequence[Notification]:
        """Events in the log's order, from an ordinal on."""


_PRINCIPAL = JournalEntry._fields.index("principal")

NO_CHAIN = bytes(32)
"""The digest before the first one."""


def event_digest(before: bytes, topic: str, state: bytes) -> bytes:
    """SHA-256 over the digest of the account's event before, the type, the schema fingerprint and the Avro body."""
    return sha256(before + topic.encode() + state).digest()


def journal_digest(before: bytes, entry: Sequence[Any]) -> bytes:
    """SHA-256 that chains a journal entry (all its fields but `chain`) to the one before it of the same subject.

    The principal is in it where there is one: entries of before there were any have the digest that they had.
    """
    subject, command_id, name, digest, command, at, code, message, ordinal, first_event, count = entry[:11]
    text = f"{subject}\n{command_id}\n{name}\n{at}\n{code}\n{message}\n{ordinal}\n{first_event}\n{count}\n"
    if len(entry) > _PRINCIPAL and entry[_PRINCIPAL] is not None:
        text += f"{entry[_PRINCIPAL]}\n"
    return sha256(before + text.encode() + digest + command).digest()


def journal_digests(befores: Iterable[bytes], rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """The same of many entries at once, each behind its number, in two thirds of the time."""
    return [
        sha256(
            before
            + f"{subject}\n{id_}\n{name}\n{at}\n{code}\n{message}\n{ordinal}\n{first}\n{count}\n".encode()
            + (b"" if principal is None else f"{principal}\n".encode())
            + digest
            + command
        ).digest()
        for before, (
            _,
            subject,
            id_,
            name,
            digest,
            command,
            at,
            code,
            message,
            ordinal,
            first,
            count,
            _,
            principal,
        ) in zip(befores, rows, strict=True)
    ]


def seal_digest(before: bytes, events: Iterable[bytes], entries: Iterable[bytes]) -> bytes:
    """SHA-256 over everything that a transaction wrote, and over the transaction before it."""
    return sha256(before + b"".join(events) + b"|" + b"".join(entries)).digest()
