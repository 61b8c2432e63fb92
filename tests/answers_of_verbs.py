"""What verbs print with `--json` that no class of the code says by its fields alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from ledger.audit.findings import Finding
from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.entrypoints.examination import Examined
from tests.answers_of_persons import OF_PERSONS
from tests.answers_of_replay import Replayed


class EventRef(TypedDict):
    """An event that a command brought about."""

    type: str
    account: str
    version: int


class RefusalTold(TypedDict):
    """Why a command was refused, and in words."""

    code: str
    message: str | None


class CommandTold(TypedDict):
    """What became of a command that a verb gave to the ledger; `dry_run`: what would become of it."""

    command_id: str
    status: Literal["accepted", "refused", "repeated", "unknown"]
    refusal: RefusalTold | None
    events: list[EventRef]
    position: str
    dry_run: NotRequired[bool]


class TransferResent(TypedDict):
    """A transfer in transit, the command that has to follow, and what that was answered when it was sent again."""

    transfer: str
    from_account: str
    to_msisdn: str
    amount: Sen
    sent_at: Instant
    position: str
    command: str
    command_id: str
    outcome: NotRequired[CommandTold]


class PartitionTold(TypedDict):
    """A partition of the log."""

    partition: int
    position: str
    clock: Literal["live", "played"] | None
    closed_through: Instant | None


class LagTold(TypedDict):
    """How far a projection is in a partition."""

    projection: str
    partition: int
    position: str
    lag_events: int
    lag_seconds: float


class StatusTold(TypedDict):
    """Where the log and its projections stand; events of types that this release does not know, by type."""

    partitions: list[PartitionTold]
    projections: list[LagTold]
    unknown_types: dict[str, int]


class SettingTold(TypedDict):
    """A setting in force, and where it came from; a secret is hidden."""

    value: str | None
    source: str


class Verified(TypedDict):
    """What a verification read, and what is wrong: `found` of which `findings` are the first.

    `gone` are the first of those files of evidence that are deleted and may be: `gone_in_all`.
    """

    log: str
    partition: NotRequired[int]
    partitions: NotRequired[int]
    clean: bool
    events: int
    entries: int
    numbers: int
    seals: int
    seal: bytes
    closed_through: Instant | None
    in_transit: int
    gone_in_all: int
    gone: list[Finding]
    found: int
    findings: list[Finding]


class TermsTold(TypedDict):
    """Terms that are known."""

    terms: str
    title: str
    document: str
    operator: str
    in_force_from: str
    digest: str


class SideOfTerms(TypedDict):
    """What one of two documents says at a key; `said`: it says so itself, or leaves it to the default."""

    value: Any
    clause: str | None
    said: bool


class TermsUnlike(TypedDict):
    """A key that two documents fill differently; null on the side that lacks it."""

    key: str
    a: SideOfTerms | None
    b: SideOfTerms | None


class TermsExplained(TypedDict):
    """A value of a document of terms, what it does, and the clause that says so."""

    key: str
    value: Any
    said: bool
    does: str
    takes: str
    clause: str | None
    clause_title: str | None
    source: str | None


class TickTold(TypedDict):
    """What the clock found due in a partition, and closed it through."""

    due: int
    closed_through: Instant
    position: str
    dry_run: NotRequired[bool]


class LogMade(TypedDict):
    """A log that was made."""

    partitions: int


class LogCopied(TypedDict):
    """A log's file that was copied, and its last seal."""

    file: str
    events: int
    entries: int
    position: str
    seal: bytes


class PartitionCopied(TypedDict):
    """A partition that was copied to another store; `…_before` were there already."""

    partition: int
    events: int
    entries: int
    events_before: int
    entries_before: int
    event_digest: bytes
    entry_digest: bytes


class LogPseudonymised(TypedDict):
    """A file that was copied under other numbers."""

    file: str
    events: int


class PartitionMade(TypedDict):
    """A partition of a log that was played into another number of them."""

    partition: int
    events: int
    entries: int


class RegistryRestored(TypedDict):
    """How many schemas were registered again."""

    schemas: int


class CheckpointTold(TypedDict):
    """A checkpoint that was kept, and whether the log is still the one that it speaks of."""

    origin: str
    size: int
    root: bytes
    holds: bool
    wrong: str | None


class Consistent(TypedDict):
    """A checkpoint that goes on from an older one, by its path in the tree."""

    origin: str
    old: int
    new: int
    path: list[bytes]


class EventsTaken(TypedDict):
    """How many events were taken in."""

    events: int


class TableCompared(TypedDict):
    """A table of which live and rebuilt rows were compared: how many, and how many of each differ."""

    table: str
    rows: int
    only_live: int
    only_rebuilt: int
    equal: bool


class NumbersPublished(TypedDict):
    """Of how many numbers something was put up."""

    numbers: int


class FilesTaken(TypedDict):
    """What became of the commands in files: refused ones by code."""

    commands: int
    accepted: int
    repeated: int
    refused: dict[str, int]
    unknown: NotRequired[int]
    seconds: float
    commands_per_second: int


class StatementTaken(TypedDict):
    """A statement of a file, and what became of it."""

    statement: str
    kind: str
    account: str | None
    number: str | None
    lines: int
    findings: int
    status: Literal["accepted", "refused", "repeated", "unknown"]
    code: str | None
    dry_run: NotRequired[bool]


class DeadTold(TypedDict):
    """A command that could not be carried out, and what it was answered since it was sent again."""

    position: str
    command: str | None
    command_id: str | None
    subject: str
    reason: str
    at: Instant
    source: str
    cause: str
    answer: str | None


class DeadShown(DeadTold):
    """A command that could not be carried out, with all that it says, in sen and microseconds."""

    content: dict[str, Any]


class StatementCorrected(TypedDict):
    """A corrected statement that was written."""

    file: str
    digest: str


OF_VERBS: Mapping[str, Any] = {
    **OF_PERSONS,
    "partition-copied": PartitionCopied,
    "checkpoint": CheckpointTold,
    "command": CommandTold,
    "consistency": Consistent,
    "corrected-statement": StatementCorrected,
    "dead-letter": DeadShown,
    "dead-letters": DeadTold,
    "doctor": Examined,
    "events-taken": EventsTaken,
    "ingest": FilesTaken,
    "log-copied": LogCopied,
    "log-made": LogMade,
    "log-pseudonymised": LogPseudonymised,
    "numbers-published": NumbersPublished,
    "partition-made": PartitionMade,
    "registry-restored": RegistryRestored,
    "replay": Replayed,
    "settings": dict[str, SettingTold],
    "statement-taken": StatementTaken,
    "status": StatusTold,
    "tables-compared": TableCompared,
    "terms": dict[str, Any],
    "terms-diff": TermsUnlike,
    "terms-explain": TermsExplained,
    "terms-list": TermsTold,
    "tick": TickTold,
    "transfers-resent": TransferResent,
    "verification": Verified,
}
"""What an answer is, by the name of its schema, or a line of one that has many."""
