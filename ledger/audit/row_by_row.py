"""Two logs of one partition compared row by row, by SQLite: what was recorded, and what would be.

Events and journal entries are to be the same to the last byte, or, where an earlier release wrote them by its own
schema, to the last field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ledger.application.outcomes import ACCEPTED
from ledger.audit.comparison import Answered, DifferingEvent
from ledger.audit.deciding_again import Rerun
from ledger.audit.wholeness import must_be_whole
from ledger.domain.ids import terms_of
from ledger.domain.terms import Terms
from ledger.store.codec import Codec
from ledger.store.layout import intelligible
from ledger.store.schemas import FINGERPRINT_BYTES

_EVENT = "originator_id, originator_version, topic"
_ENTRY = (
    "subject, command_id, name, command_digest, command, at, code, message, ordinal, first_event, event_count,"
    " chain"
)


def _unlike(columns: str) -> str:
    """That a row is not the same in both logs, to the last byte, or is not in both of them."""
    was, now = (", ".join(f"{log}.{name}" for name in columns.split(", ")) for log in ("was", "now"))
    return f"({was}) IS NOT ({now})"


_EVENTS = (
    "SELECT now.ordinal, now.originator_id, now.originator_version FROM again.stored_events AS now"
    " LEFT JOIN main.stored_events AS was ON was.ordinal=now.ordinal"
)
_EVENT_UNLIKE_TO_THE_BYTE = f"{_EVENTS} WHERE {_unlike(f'{_EVENT}, state, digest')} LIMIT 1"
_EVENT_UNLIKE = (
    f"{_EVENTS} WHERE ({_unlike(_EVENT)}"
    " OR (was.state IS NOT now.state AND NOT same_by_another_schema(now.topic, was.state, now.state)))"
)
"""But for the schemas that they were written by, and for digests, which follow from those."""
_EVENT_NO_MORE = (
    "SELECT ordinal, originator_id, originator_version FROM main.stored_events"
    " WHERE ordinal>(SELECT ifnull(max(ordinal), 0) FROM again.stored_events) AND ordinal<=?"
)
_ENTRY_UNLIKE = (
    "SELECT 1 FROM main.journal AS was LEFT JOIN again.journal AS now ON now.entry=was.entry"  # noqa: S608 - columns
    f" WHERE was.entry<=? AND {_unlike(_ENTRY)} LIMIT 1"
)
_ANSWERED_UNLIKE = (
    "SELECT was.entry, was.subject, was.command_id, was.code, now.entry IS NULL, now.code FROM main.journal AS was"
    " LEFT JOIN again.journal AS now ON now.subject=was.subject AND now.command_id=was.command_id"
    " WHERE was.entry<=? AND (now.entry IS NULL OR was.code IS NOT now.code) ORDER BY was.entry"
)


def is_the_same(run: Rerun) -> bool:
    """Whether every event and every journal entry is the same in both logs: compared row by row, by SQLite.

    Raises LogDamaged where what an earlier release wrote is not what its digests name.
    """
    with intelligible(run.log.path):
        connection = run.log.connection
        connection.create_function(
            "same_by_another_schema", 3, partial(_same_by_another_schema, run.log.codec)
        )
        connection.execute("ATTACH ? AS again", (run.path.resolve().as_uri() + "?mode=ro",))
    if (
        _row(run, f"{_EVENT_UNLIKE} LIMIT 1")
        or _row(run, f"{_EVENT_NO_MORE} LIMIT 1", run.last)
        or _row(run, _ENTRY_UNLIKE, run.commands)
    ):
        return False
    if _row(run, _EVENT_UNLIKE_TO_THE_BYTE):
        must_be_whole(run.log, run.last, run.commands)
    return True


def _same_by_another_schema(codec: Codec, topic: str, was: bytes | None, now: bytes) -> bool:
    """Whether two events say the same, the former by the schema of an earlier release."""
    if was is None or was[:FINGERPRINT_BYTES] == now[:FINGERPRINT_BYTES]:
        return False
    former, again = (codec.event(topic, state).__dict__ for state in (was, now))
    return bool(former == again)


def first_unlike(run: Rerun, terms: Sequence[Terms]) -> Iterator[DifferingEvent]:
    """The first event that differs or is missing, if there is one; that other terms are published is none."""
    published = [terms_of(one.id, run.log.partition) for one in terms]
    known = f"now.originator_id NOT IN ({','.join('?' * len(published))})"
    row = _row(run, f"{_EVENT_UNLIKE} AND {known} ORDER BY now.ordinal LIMIT 1", *published)
    row = row or _row(run, f"{_EVENT_NO_MORE} ORDER BY ordinal LIMIT 1", run.last)
    if row is not None:
        yield DifferingEvent(f"{run.log.partition}:{row[0]}", *row[1:])


def answered_otherwise(run: Rerun, found: dict[tuple[str, str], Answered]) -> None:
    """Puts in which commands have another answer, one by one."""
    with intelligible(run.log.path):
        rows = run.log.connection.execute(_ANSWERED_UNLIKE, (run.commands,))
        for entry, subject, command_id, was, left_out, now in rows:
            would_be = run.not_journaled[subject, command_id] if left_out else now
            pair = (was or ACCEPTED, would_be or ACCEPTED)
            place = f"{run.log.partition}:{entry}"
            found.setdefault(pair, Answered(place, subject, command_id)).commands += 1


def _row(run: Rerun, statement: str, *parameters: object) -> Any:  # noqa: ANN401 - a row or None
    with intelligible(run.log.path):
        return run.log.connection.execute(statement, parameters).fetchone()
