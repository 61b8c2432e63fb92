"""Privacy: what persons ask for and by when it is due, and what was disclosed of them (PS-03, PM-02, PM-03).

No value stands here, as none stands in the log: fields are told by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

import sqlalchemy as sa

from ledger.domain.calendar import Instant
from ledger.domain.customer.events_of_persons import (
    AccessAnswered,
    AccessRequested,
    CustomerRegistered,
    PersonalDataDisclosed,
)
from ledger.domain.customer.ids_of_customers import PREFIX
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.database import TEXT
from projections.engine.projection import FoldBatch
from projections.engine.snapshot import Snapshot
from projections.postpaid.facts import Fact, Facts, Known, Says, known_of

ACCESS = "access"
"""What is asked for, as answers name it."""
OPEN, ANSWERED = "open", "answered"
"""How far a request is."""
_REGISTERED = "registered"


def _registered(event: CustomerRegistered, _: TermsBook) -> Iterator[Fact]:
    yield Fact("", _REGISTERED, terms=event.terms)


def _access(event: AccessRequested, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.request, ACCESS, 0, event.limit_at, event.channel, event.terms)


def _answered(event: AccessAnswered, _: TermsBook) -> Iterator[Fact]:
    yield Fact(event.request, ANSWERED, other=event.digest)


class Privacy(Facts):
    """Requests of persons with their limits, and what was disclosed of whom."""

    name = "privacy"
    SAYS: ClassVar[Says] = {
        CustomerRegistered: _registered,
        AccessRequested: _access,
        AccessAnswered: _answered,
    }
    one_by_one = frozenset({PersonalDataDisclosed.TOPIC, *(kind.TOPIC for kind in SAYS)})

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant = sa.BigInteger
        self.disclosed = sa.Table(
            f"privacy_disclosed_{generation}",
            self.metadata,
            sa.Column("customer", TEXT, primary_key=True),
            sa.Column("partition", sa.Integer, primary_key=True),
            sa.Column("ordinal", instant, primary_key=True),
            sa.Column("effective_at", instant, nullable=False),
            sa.Column("recorded_at", instant, nullable=False),
            *(sa.Column(name, TEXT, nullable=False) for name in ("to", "ground", "fields", "approved_by")),
            *(sa.Column(name, TEXT) for name in ("reference", "clause")),
            *(sa.Column(name, TEXT, nullable=False) for name in ("actor", "command_id")),
            sqlite_with_rowid=False,
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


# --- the questions --------------------------------------------------------------------------------------------------


class PersonalRequest(NamedTuple):
    """What a person asks for: due by `limit_at`, answered at `ended_at`; `breached`: not in time, answered or not."""

    customer: str
    kind: str
    request: str
    channel: str
    asked_at: Instant
    limit_at: Instant
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
        for row in _requests(then, _known_of(then, wanted.customer))
        if (row.state == OPEN or not wanted.only_open) and (row.breached or not wanted.only_breached)
    ]
    found.sort(key=lambda row: (row.state != OPEN, row.limit_at, row.customer, row.request))
    return Listed(PersonalRequest, found, *moment, position)


def disclosures(then: Snapshot, customer: str | None) -> Listed[Disclosure]:
    """What was disclosed of everybody, or of the customer that is named, in its order. Raises UnknownThen."""
    moment, position = then.whole()
    told = then.of(Privacy).disclosed.c
    conditions: list[Any] = [told.effective_at <= then.as_of, told.recorded_at <= then.known_at]
    if customer is not None:
        _known_of(then, customer)
        conditions.append(told.customer == _subject(customer))
    columns = (
        *(told.customer, told.effective_at, told.to, told.ground, told.fields, told.reference),
        *(told.actor, told.approved_by, told.clause, told.command_id),
    )
    order = (told.effective_at, told.partition, told.ordinal)
    rows = [
        Disclosure(subject.removeprefix(PREFIX), at, to, ground, fields.split(","), *rest)
        for subject, at, to, ground, fields, *rest in then.connection.execute(
            sa.select(*columns).where(*conditions).order_by(*order)
        )
    ]
    return Listed(Disclosure, rows, *moment, position)


def _subject(customer: str) -> str:
    return PREFIX + customer.removeprefix(PREFIX)


def _known_of(then: Snapshot, customer: str | None) -> Mapping[str, list[Known]]:
    """What is known of every customer, or of the one that is named. Raises UnknownThen."""
    if customer is None:
        return known_of(then, Privacy, None, ())
    subject = _subject(customer)
    found = known_of(then, Privacy, [subject], ())
    if not found[subject]:
        raise then.unknown(subject)
    return found


def _requests(then: Snapshot, known: Mapping[str, list[Known]]) -> Iterator[PersonalRequest]:
    for subject, own in known.items():
        asked: dict[str, Known] = {}
        ended: dict[str, int] = {}
        for one in own:
            if one.fact.what == ACCESS:
                asked[one.fact.subject] = one
            elif one.fact.what == ANSWERED:
                ended[one.fact.subject] = one.since
        for request, one in asked.items():
            limit_at, ended_at = one.fact.until or 0, ended.get(request)
            yield PersonalRequest(
                customer=subject.removeprefix(PREFIX),
                kind=one.fact.what,
                request=request,
                channel=one.fact.other or "",
                asked_at=one.since,
                limit_at=limit_at,
                state=OPEN if ended_at is None else ANSWERED,
                breached=limit_at <= (then.as_of if ended_at is None else ended_at),
                ended_at=ended_at,
            )
