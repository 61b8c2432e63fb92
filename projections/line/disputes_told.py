"""Disputes: open ones by age, and how the others ended; what was found wrong, and what is still to be made good.

The age of a dispute is counted in days of 24 hours since it was opened, or opened again (SE23-02).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, TypedDict

from ledger.domain.calendar import DAY, Day, Instant
from ledger.domain.events import Event
from ledger.domain.ids import is_account, streams_of
from ledger.domain.line.dispute_commands import CORRECTED, OVERRIDDEN, REJECTED, WITHDRAWN
from ledger.domain.line.dispute_events import (
    DisputeOpened,
    DisputeRejected,
    DisputeReopened,
    DisputeWithdrawn,
    EvidenceAttached,
    StatementOverridden,
    SystemCorrected,
)
from ledger.domain.money import Sen
from projections.engine.answers import Answer, Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Boolean, Column, Integer
from projections.engine.sql_tables import Index, Table
from projections.engine.unanswered import UnknownThen
from projections.line.asked_number import asked_number

OPEN = "open"
AGES = ((30, "0-30"), (60, "31-60"), (90, "61-90"))
"""Days that an age ends with, and what it is called."""
OLDEST = "over-90"
_ENDS: Mapping[type[Event], str] = {
    StatementOverridden: OVERRIDDEN,
    SystemCorrected: CORRECTED,
    DisputeRejected: REJECTED,
    DisputeWithdrawn: WITHDRAWN,
}
_OF_DISPUTES: tuple[type[Event], ...] = (DisputeOpened, EvidenceAttached, DisputeReopened, *_ENDS)


class WantedDisputes(NamedTuple):
    """Which disputes: of a number or account, in a state, given to a person; None: whichever."""

    about: str | None = None
    state: str | None = None
    assignee: str | None = None


class DisputeStep(TypedDict):
    """What happened to a dispute: what was stated and what the record said, where that was said, and by whom."""

    version: int
    what: str
    at: Instant
    stated: Sen | None
    system: Sen | None
    amount: Sen | None
    reason: str | None
    by: str | None
    approved_by: str | None
    clause: str | None
    digest: str | None


class DisputeSummary(NamedTuple):
    """A dispute: what was claimed, what the record says, by how much they differ, and how it stands.

    `age` is that of an open one. `corrected` is by how much the record was wrong, `unremedied` what of that is still to
    be given, since the account was closed for good.
    """

    account: str
    dispute: str
    about: str
    refers_to: str | None
    unit: str
    claimed: Sen
    system: Sen
    difference: Sen
    state: str
    opened_at: Instant
    age: str | None
    due_on: Day | None
    assignee: str | None
    opened_by: str
    decided_at: Instant | None
    decided_by: str | None
    corrected: Sen
    unremedied: Sen
    reopened: bool
    statement: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class DisputeShown(Answer):
    """A dispute in full: how it stands, and each step of it."""

    account: str
    dispute: str
    about: str
    refers_to: str | None
    unit: str
    claimed: Sen
    system: Sen
    difference: Sen
    state: str
    opened_at: Instant
    age: str | None
    due_on: Day | None
    assignee: str | None
    opened_by: str
    decided_at: Instant | None
    decided_by: str | None
    corrected: Sen
    unremedied: Sen
    reopened: bool
    statement: str | None
    line: int | None
    steps: list[DisputeStep]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str


class DisputeSums(NamedTuple):
    """How many disputes stand alike, open by age, and what they come to."""

    state: str
    age: str | None
    unit: str
    disputes: int
    claimed: Sen
    system: Sen
    difference: Sen
    corrected: Sen
    unremedied: Sen


class Disputes(Projection):
    """What happened to disputes, in its order."""

    name = "disputes"
    one_by_one = frozenset(kind.TOPIC for kind in _OF_DISPUTES)

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        texts = ("what", "about", "refers_to", "unit", "reason", "done_by", "approved_by", "assignee")
        amounts = ("stated", "system", "amount", "line", "due_on")
        self.steps = Table(
            f"disputes_steps_{generation}",
            self.metadata,
            Column("account", TEXT, primary_key=True),
            Column("dispute", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", BigInteger, primary_key=True),
            Column("version", BigInteger, nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            *(Column(name, TEXT) for name in texts),
            *(Column(name, BigInteger) for name in amounts),
            Column("statement", TEXT),
            Column("clause", TEXT),
            Column("digest", TEXT),
            Column("remedied", Boolean),
            Index(f"disputes_by_id_{generation}", "dispute"),
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in each step."""
        for found in batch.events:
            if isinstance(found.event, _OF_DISPUTES):
                event: Any = found.event
                key = (event.account, event.dispute, batch.partition, found.ordinal)
                changes.rows(self.steps).append((*key, event.version, event.recorded_at, *_told(event)))

    def known(
        self, connection: Transaction, as_of: int, *, account: str | None = None, dispute: str | None = None
    ) -> list[Any]:
        """The steps of disputes that were taken by an instant, dispute by dispute, in their order.

        A decision is so from when it is recorded, so that both instants of a question mean the same.
        """
        steps = self.steps.c
        found = select(*self.steps.c).where(steps.recorded_at <= as_of)
        if account is not None and is_account(account):
            found = found.where(steps.account == account)
        elif account is not None:
            first, end = streams_of(account)
            found = found.where(steps.account >= first, steps.account < end)
        if dispute is not None:
            found = found.where(steps.dispute == dispute)
        rows = connection.execute(found.order_by(steps.account, steps.dispute, steps.ordinal))
        return [SimpleNamespace(**dict(zip(self.steps.c.keys(), row, strict=True))) for row in rows]


def _told(event: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any of them
    def own(name: str) -> Any:  # noqa: ANN401
        return getattr(event, name, None)

    stated = own("stated") if isinstance(event, StatementOverridden) else own("claimed")
    done_by = own("decided_by") or own("opened_by")
    texts = (event.name, own("about"), own("refers_to"), own("unit"), own("reason"), done_by)
    amounts = (stated, own("system"), own("amount"), own("line"), own("due_on"))
    return (
        *texts,
        own("approved_by"),
        own("assignee"),
        *amounts,
        own("statement"),
        event.clause,
        own("digest"),
        own("remedied"),
    )


# --- the questions --------------------------------------------------------------------------------------------------


def disputes(then: Snapshot, wanted: WantedDisputes | None) -> Listed[DisputeSummary]:
    """Disputes, or those that are wanted: the ones due first, then the oldest, stand on top. Raises UnknownThen."""
    moment, position = then.whole()
    about, state, assignee = wanted or WantedDisputes()
    asked = None if about is None else asked_number(about).named
    found = [
        one
        for one in _summaries(then, account=asked)
        if (state is None or one.state == state) and (assignee is None or one.assignee == assignee)
    ]
    never = 10**9
    found.sort(
        key=lambda one: (one.state != OPEN, one.due_on or never, one.opened_at, one.account, one.dispute)
    )
    return Listed(DisputeSummary, found, *moment, position)


def sums_of_disputes(then: Snapshot) -> Listed[DisputeSums]:
    """How many disputes stand alike, and what they come to, by state, age and unit."""
    moment, position = then.whole()
    groups: defaultdict[tuple[str, str, str], list[DisputeSummary]] = defaultdict(list)
    for one in _summaries(then):
        groups[one.state, one.age or "", one.unit].append(one)
    rows = [
        DisputeSums(
            state,
            age or None,
            unit,
            len(each),
            *(sum(getattr(one, name) for one in each) for name in DisputeSums._fields[4:]),
        )
        for (state, age, unit), each in sorted(groups.items())
    ]
    return Listed(DisputeSums, rows, *moment, position)


def dispute(then: Snapshot, id_: str, account: str | None) -> DisputeShown:
    """A dispute by its id, of the account that is named where several have one of that id, and its steps."""
    moment, position = then.whole()
    known = then.of(Disputes).known
    steps = known(then.connection, min(then.as_of, then.known_at), account=account, dispute=id_)
    whose = sorted({step.account for step in steps})
    if not whose:
        raise UnknownThen(f"no dispute {id_} was known then")
    if len(whose) > 1:
        raise UnknownThen(f"{', '.join(whose)} have a dispute {id_}: say whose")
    told: list[DisputeStep] = [
        {
            "version": one.version,
            "what": one.what,
            "at": one.recorded_at,
            "stated": one.stated,
            "system": one.system,
            "amount": one.amount,
            "reason": one.reason,
            "by": one.done_by,
            "approved_by": one.approved_by,
            "clause": one.clause,
            "digest": one.digest,
        }
        for one in steps
    ]
    return DisputeShown(*_summary(steps, then.as_of), told, *moment, position)


def _summaries(then: Snapshot, account: str | None = None) -> Iterable[DisputeSummary]:
    rows = then.of(Disputes).known(then.connection, min(then.as_of, then.known_at), account=account)
    steps: list[Any] = []
    for row in rows:
        if steps and (row.account, row.dispute) != (steps[0].account, steps[0].dispute):
            yield _summary(steps, then.as_of)
            steps = []
        steps.append(row)
    if steps:
        yield _summary(steps, then.as_of)


def _summary(steps: list[Any], as_of: int) -> DisputeSummary:
    opened, since, state = steps[0], steps[0].recorded_at, OPEN
    claimed, system, decided = opened.stated, opened.system, None
    corrected = unremedied = 0
    ends = {kind.__name__: name for kind, name in _ENDS.items()}
    for step in steps:
        if step.what == DisputeReopened.__name__:
            state, since, decided = OPEN, step.recorded_at, None
        elif step.what in ends:
            state, decided = ends[step.what], step
        if step.what == StatementOverridden.__name__:
            system = step.system
        elif step.what == SystemCorrected.__name__:
            corrected += step.amount
            system = step.system + step.amount
            unremedied += 0 if step.remedied else step.amount
    return DisputeSummary(
        opened.account,
        opened.dispute,
        opened.about,
        opened.refers_to,
        opened.unit,
        claimed,
        system,
        claimed - system,
        state,
        opened.recorded_at,
        _age((as_of - since) // DAY) if state == OPEN else None,
        opened.due_on,
        opened.assignee,
        opened.done_by,
        None if decided is None else decided.recorded_at,
        None if decided is None else decided.done_by,
        corrected,
        unremedied,
        any(step.what == DisputeReopened.__name__ for step in steps),
        opened.statement,
        opened.line,
    )


def _age(days: int) -> str:
    return next((name for end, name in AGES if days <= end), OLDEST)
