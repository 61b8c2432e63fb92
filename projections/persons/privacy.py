"""Privacy: what persons ask for and by when it is due, and what was disclosed of them (PS-03, PM-02, PM-03).

Its table also holds what is said of erasures, holds and breaches, which `erasures_told.py` and `breaches_told.py` tell.

No value stands here, as none stands in the log: fields are told by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from ledger.domain.calendar import NEVER, Instant
from ledger.domain.customer.allowed import PROCESSING
from ledger.domain.customer.events_of_breaches import BreachNotified, BreachRecorded
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    ConsentGiven,
    ConsentWithdrawn,
    CustomerRegistered,
    ErasureBlocked,
    ErasureRequested,
    ErasureStarted,
    PersonalDataDisclosed,
    PersonErased,
    PersonHoldLifted,
    PersonHoldSet,
    ProcessingEnded,
    ProcessingRestricted,
    RestrictionLifted,
)
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.database_transactions import Transaction
from projections.engine.projection import FoldBatch
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, Column
from projections.postpaid.facts import Fact, Facts, Known, Says, known_of

ACCESS, ERASURE, WITHDRAWAL, RESTRICTION = "access", "erasure", "withdrawal", "restriction"
"""What is asked for, as answers name it; a withdrawal is that of consent to processing as a whole (PM-05)."""
OPEN, ANSWERED = "open", "answered"
"""How far a request is; `erased`: whoever asked is, and it is not answered any more."""
GIVEN_AGAIN = "given again"
ERASING, DECIDED, BLOCKED, OBJECTION, ERASED = "erasing", "decided", "blocked", "objection", "erased"
HOLD, RELEASED = "hold", "released"
BREACH, DISCOVERED, EXPOSED, NOTIFIED = "breach", "discovered", "exposed", "notified"
_REGISTERED = "registered"


def _registered(event: CustomerRegistered, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", _REGISTERED, terms=event.terms)


def _access(event: AccessRequested, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.request, ACCESS, 0, event.limit_at, event.channel, event.terms)


def _answered(event: AccessAnswered, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.request, ANSWERED, other=event.digest)


def _withdrawn(event: ConsentWithdrawn, _: TermsBook) -> Iterator[Fact]:
    if event.purpose == PROCESSING:
        yield Fact(WITHDRAWAL, WITHDRAWAL, 0, event.limit_at, event.channel, event.terms)


def _given(event: ConsentGiven, _: TermsBook) -> Iterator[Fact]:
    if event.purpose == PROCESSING:
        yield Fact(WITHDRAWAL, GIVEN_AGAIN)


def _processing_ended(_: ProcessingEnded, __: TermsBook) -> Iterator[Fact]:
    yield Fact(WITHDRAWAL, ANSWERED)


def _restricted(event: ProcessingRestricted, _: TermsBook) -> Iterator[Fact]:
    yield Fact(RESTRICTION, RESTRICTION, other=event.channel, terms=event.terms)


def _lifted(_: RestrictionLifted, __: TermsBook) -> Iterator[Fact]:
    yield Fact(RESTRICTION, ANSWERED)


def _erasure(event: ErasureRequested, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.request, ERASURE, other=event.channel, terms=event.terms)


def _erasing(event: ErasureStarted, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", ERASING, other=event.reason)
    if event.decided_by is not None:
        yield Fact(event.decided_by, DECIDED, other=event.approved_by)


def _blocked(event: ErasureBlocked, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", BLOCKED, event.nth)
    yield from (Fact(one["of"], OBJECTION, event.nth, other=one["reason"]) for one in event.objections)


def _erased(_: PersonErased, __: TermsBook) -> Iterator[Fact]:
    yield Fact("", ERASED)


def _held(event: PersonHoldSet, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, HOLD)


def _released(event: PersonHoldLifted, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.reference, RELEASED)


def _breach(event: BreachRecorded, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", BREACH, event.persons, event.limit_at, event.scope, event.terms)
    yield Fact("", DISCOVERED, until=event.discovered_at)
    yield from (Fact(name, EXPOSED) for name in event.fields)


def _notified(event: BreachNotified, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.to, NOTIFIED, other=event.reference)


class Privacy(Facts):
    """Requests of persons with their limits, and what was disclosed of whom."""

    name = "privacy"
    SAYS: ClassVar[Says] = {
        CustomerRegistered: _registered,
        AccessRequested: _access,
        AccessAnswered: _answered,
        ConsentWithdrawn: _withdrawn,
        ConsentGiven: _given,
        ProcessingEnded: _processing_ended,
        ProcessingRestricted: _restricted,
        RestrictionLifted: _lifted,
        ErasureRequested: _erasure,
        ErasureStarted: _erasing,
        ErasureBlocked: _blocked,
        PersonErased: _erased,
        PersonHoldSet: _held,
        PersonHoldLifted: _released,
        BreachRecorded: _breach,
        BreachNotified: _notified,
    }
    one_by_one = frozenset({PersonalDataDisclosed.TOPIC, *(kind.TOPIC for kind in SAYS)})

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.disclosed = self._table(
            "disclosed",
            *(Column(name, TEXT, nullable=False) for name in ("to", "ground", "fields", "approved_by")),
            *(Column(name, TEXT) for name in ("reference", "clause")),
            *(Column(name, TEXT, nullable=False) for name in ("actor", "command_id")),
            of="customer",
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what was asked for, and what was disclosed."""
        super().fold(batch, changes)
        rows = changes.rows(self.disclosed)
        for found in batch.events:
            event = found.event
            if isinstance(event, PersonalDataDisclosed):
                fields = ",".join(kept["field"] for kept in event.fields)
                place = (event.account, batch.partition, found.ordinal)
                own = (event.to, event.ground, fields, event.approved_by, event.reference, event.clause)
                when = (event.effective_at, event.recorded_at)
                rows.append((*place, *when, *own, event.actor, event.command_id))

    def subjects(self, connection: Transaction, prefix: str) -> list[str]:
        """The subjects of one kind of which more was said than that they are there, in their order."""
        facts = self.facts.c
        own = (facts.account >= prefix, facts.account < f"{prefix}\U0010ffff", facts.what != _REGISTERED)
        found = select(facts.account).where(*own).distinct().order_by(facts.account)
        return [subject for (subject,) in connection.execute(found)]


# --- the questions --------------------------------------------------------------------------------------------------


class PersonalRequest(NamedTuple):
    """What a person asks for: due by `limit_at`, answered at `ended_at`; `breached`: not in time, answered or not.

    Where the person was erased before it was answered, its `state` is `erased`. A withdrawal of consent to processing
    can be taken back until its limit; then processing ends by itself. A request for erasure has no limit of hours: what
    stands in its way is told with the erasure.
    """

    customer: str
    kind: str
    request: str
    channel: str
    asked_at: Instant
    limit_at: Instant | None
    state: str
    breached: bool
    ended_at: Instant | None


class Disclosure(NamedTuple):
    """Fields of a person were released to somebody on a ground of the policy, asked by one and approved by another."""

    customer: str
    at: Instant
    to: str
    ground: str
    fields: list[str]
    reference: str | None
    asked_by: str
    approved_by: str
    clause: str | None
    command_id: str


class WantedRequests(NamedTuple):
    """Which requests are asked for: of one customer, those that are open, those whose limit is breached."""

    customer: str | None = None
    only_open: bool = False
    only_breached: bool = False


def requests(then: Snapshot, wanted: WantedRequests) -> Listed[PersonalRequest]:
    """What persons ask for, or what is wanted of it; open ones on top, the one due first. Raises UnknownThen.

    A limit is breached at its instant, whether that was recorded already or not.
    """
    moment, position = then.whole()
    found = [
        row
        for row in _requests(then, known_customers(then, wanted.customer))
        if (row.state == OPEN or not wanted.only_open) and (row.breached or not wanted.only_breached)
    ]
    found.sort(key=lambda row: (row.state != OPEN, row.limit_at or NEVER, row.customer, row.asked_at))
    return Listed(PersonalRequest, found, *moment, position)


def disclosures(then: Snapshot, customer: str | None) -> Listed[Disclosure]:
    """What was disclosed of everybody, or of the customer that is named, in its order. Raises UnknownThen."""
    moment, position = then.whole()
    told = then.of(Privacy).disclosed.c
    conditions: list[Any] = [told.effective_at <= then.as_of, told.recorded_at <= then.known_at]
    if customer is not None:
        known_customers(then, customer)
        conditions.append(told.customer == _subject(customer))
    columns = (
        *(told.customer, told.effective_at, told.to, told.ground, told.fields, told.reference),
        *(told.actor, told.approved_by, told.clause, told.command_id),
    )
    order = (told.effective_at, told.partition, told.ordinal)
    rows = [
        Disclosure(subject.removeprefix(PREFIX), at, to, ground, fields.split(","), *rest)
        for subject, at, to, ground, fields, *rest in then.connection.execute(
            select(*columns).where(*conditions).order_by(*order)
        )
    ]
    return Listed(Disclosure, rows, *moment, position)


def _subject(customer: str) -> str:
    return PREFIX + customer.removeprefix(PREFIX)


def known_customers(then: Snapshot, customer: str | None) -> Mapping[str, list[Known]]:
    """What is known of every customer, or of the one that is named. Raises UnknownThen."""
    if customer is None:
        subjects = then.of(Privacy).subjects(then.connection, PREFIX)
        return known_of(then, Privacy, subjects, ())
    subject = _subject(customer)
    found = known_of(then, Privacy, [subject], ())
    if not found[subject]:
        raise then.unknown(subject)
    return found


def _requests(then: Snapshot, known: Mapping[str, list[Known]]) -> Iterator[PersonalRequest]:
    for subject, own in known.items():
        rows: list[PersonalRequest] = []
        of_kind: dict[str, int] = {}
        for one in own:
            request, what, _, until, channel, _ = one.fact
            if what in (ACCESS, ERASURE, WITHDRAWAL, RESTRICTION):
                of_kind[what if what == ERASURE else request] = len(rows)
                begun = (subject.removeprefix(PREFIX), what, request, channel or "", one.since, until)
                rows.append(PersonalRequest(*begun, OPEN, breached=False, ended_at=None))
                continue
            if what == ERASED:  # the request for it is answered, and no other will be
                for place in of_kind.values():
                    state = ANSWERED if rows[place].kind == ERASURE else ERASED
                    rows[place] = rows[place]._replace(state=state, ended_at=one.since)
                of_kind.clear()
                continue
            ended = of_kind.pop(request, None)
            if what in (ANSWERED, GIVEN_AGAIN) and ended is not None:
                rows[ended] = rows[ended]._replace(state=ANSWERED, ended_at=one.since)
        yield from (_judged(row, then.as_of) for row in rows)


def _judged(row: PersonalRequest, as_of: int) -> PersonalRequest:
    """With what time alone has done: a limit is breached, processing has ended."""
    limit_at = row.limit_at
    if limit_at is None:
        return row
    if row.kind == WITHDRAWAL:
        ends = row.ended_at is None and limit_at <= as_of
        return row._replace(state=ANSWERED, ended_at=limit_at) if ends else row
    return row._replace(breached=limit_at <= (as_of if row.ended_at is None else row.ended_at))
