"""Whether a log is whole, and what its digests name: with the position of the first event or entry that is not."""

from __future__ import annotations

from collections.abc import Callable

from ledger.application.journal import NO_CHAIN, JournalEntry, event_digest, journal_digest
from ledger.errors import LogDamaged
from ledger.store.layout import intelligible, principal_column
from ledger.store.reading import SqliteSnapshot

_EVENTS = (
    "SELECT ordinal, originator_id, topic, state, digest FROM main.stored_events WHERE ordinal<=?"
    " ORDER BY ordinal"
)
_JOURNAL = (
    "SELECT entry, subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event,"
    " event_count, chain, {principal} FROM main.journal WHERE entry<=? ORDER BY entry"
)
_CHAIN = JournalEntry._fields.index("chain")


def must_be_whole(log: SqliteSnapshot, last: int, entries: int) -> None:
    """Raises LogDamaged at the first event or journal entry that is missing, or is not what its digest names."""
    strict = log.connection.text_factory
    log.connection.text_factory = _text
    try:
        with intelligible(log.path):
            _check_events(log, last)
            _check_journal(log, entries)
    finally:
        log.connection.text_factory = strict


def _text(text: bytes) -> str:
    """The text of a column, whatever bytes it is of: damage is found where it is."""
    return text.decode("utf-8", "replace")


def _check_events(log: SqliteSnapshot, last: int) -> None:
    ordinal = 0
    digests: dict[str, bytes] = {}
    for found, id_, topic, state, digest in log.connection.execute(_EVENTS, (last,)):
        ordinal += 1
        place = f"{log.path}: the event at {log.partition}:{ordinal}"
        if found != ordinal:
            raise LogDamaged(f"{place} is missing")
        if not _names(digest, event_digest, digests.get(id_, NO_CHAIN), topic, state):
            raise LogDamaged(f"{place} is not what its digest names")
        digests[id_] = digest
    if ordinal < last:
        raise LogDamaged(f"{log.path}: the event at {log.partition}:{ordinal + 1} is missing")


def _check_journal(log: SqliteSnapshot, entries: int) -> None:
    chains: dict[str, bytes] = {}
    statement = _JOURNAL.format(principal=principal_column(log.connection))
    for entry, (found, *row) in enumerate(log.connection.execute(statement, (entries,)), 1):
        place = f"{log.path}: the journal entry {log.partition}:{entry}"
        if found != entry:
            raise LogDamaged(f"{place} is missing")
        if not _names(row[_CHAIN], journal_digest, chains.get(row[0], NO_CHAIN), row):
            raise LogDamaged(f"{place} is not what its digest names")
        chains[row[0]] = row[_CHAIN]


def _names(digest: bytes, made: Callable[..., bytes], *content: object) -> bool:
    """Whether a digest is that of its content; where a column holds a value of another kind it is not."""
    try:
        return made(*content) == digest
    except (AttributeError, TypeError):
        return False
