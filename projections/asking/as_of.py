"""The projections as one transaction sees them, at one moment of the two time axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.domain.events import Event
from ledger.domain.line.account import Account
from ledger.domain.line.line import Line
from ledger.domain.prepaid.account import prepaid
from ledger.domain.subject import Cause
from ledger.domain.terms_book import TermsBook
from projections.asking.queries import ProjectionBehind
from projections.engine.database import GENERATIONS, POSITIONS
from projections.engine.generations import must_be_of_this_release
from projections.engine.partition_facts import PartitionFact, PartitionFacts
from projections.engine.prepared import Prepared
from projections.engine.projection import Projection
from projections.money.balances import Balances
from projections.money.transfers import Transfers
from projections.prepaid.blocks import Blocks
from projections.prepaid.lifecycles import Lifecycles
from projections.prepaid.numbers import Numbers
from projections.prepaid.usage import Usage
from projections.registry import PROJECTIONS

_P = TypeVar("_P", bound=Projection)
_AT_ONCE = 200
"""Numbers that are folded at once."""


def _places() -> sa.Select[Any]:
    p, g = POSITIONS.c, GENERATIONS.c
    both = sa.and_(g.projection == p.projection, g.generation == p.generation)
    columns = (g.projection, g.generation, g.version, p.partition, p.ordinal)
    return sa.select(*columns).join_from(GENERATIONS, POSITIONS, both, isouter=True)


_PLACES = Prepared(_places())


class Moment(NamedTuple):
    """The two instants of a question, and whether nothing can change its answer any more."""

    as_of: int
    known_at: int
    final: bool


class Folded(NamedTuple):
    """A number as of a moment; what fell due unrecorded is folded in, and stands in `due`.

    `before` are the states of its accounts and its own before that.
    """

    line: Line
    due: list[Event]
    position: tuple[int, int]
    before: tuple[list[str], str]

    @property
    def accounts(self) -> dict[str, Account]:
        """Every account that the number has had."""
        return accounts_of(self.line)


class Tables:
    """The tables of each generation, and the terms: made once, for they do not change."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], Projection] = {}
        self._book = TermsBook()

    def of(self, kind: type[_P], generation: int) -> _P:
        """The tables of a generation."""
        key = (kind.name, generation)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = kind(generation)
        return made  # type: ignore[return-value]

    def book(self, connection: Connection, facts: PartitionFacts) -> TermsBook:
        """The terms that the log has published."""
        facts.publish(connection, self._book)
        return self._book


class View:
    """The projections in one transaction.

    Raises ProjectionBehind where they do not stand where they have to, DatabaseFormatUnknown where they are of another
    release.

    `at_least` names ordinals by partition that all projections must have taken in.
    """

    def __init__(self, connection: Connection, tables: Tables, at_least: dict[int, int]) -> None:
        self.connection = connection
        self._tables = tables
        generations = self._check(at_least)
        self.facts = tables.of(PartitionFacts, generations["facts"])
        self.balances = tables.of(Balances, generations["balances"])
        self.lifecycles = tables.of(Lifecycles, generations["lifecycles"])
        self.usage = tables.of(Usage, generations["usage"])
        self.numbers = tables.of(Numbers, generations["numbers"])
        self.blocks = tables.of(Blocks, generations["blocks"])
        self.transfers = tables.of(Transfers, generations["transfers"])
        self.partitions: dict[int, PartitionFact] = self.facts.partitions(connection)

    def _check(self, at_least: dict[int, int]) -> dict[str, int]:
        """The live generations, if all have taken in as much, and as much as is asked for."""
        generations: dict[str, int] = {}
        self.positions: dict[int, int] = {}
        unequal = None
        for name, generation, version, partition, ordinal in _PLACES(self.connection):
            if name in PROJECTIONS:
                must_be_of_this_release(PROJECTIONS[name], version)
                generations[name] = generation
            if partition is not None:
                known = self.positions.setdefault(partition, ordinal)
                if known != ordinal:
                    unequal = name
                    self.positions[partition] = min(known, ordinal)
        missing = sorted(PROJECTIONS.keys() - generations)
        if missing:
            raise ProjectionBehind(f"{', '.join(missing)}: not made yet; `pulsa project` does")
        for partition, ordinal in at_least.items():
            reached = self.positions.get(partition, 0)
            if reached < ordinal:
                raise ProjectionBehind(
                    f"the projections are at {partition}:{reached}, not yet at {partition}:{ordinal}"
                )
        if unequal is not None:
            raise ProjectionBehind(f"{unequal} is not at the position of the others yet")
        return generations

    @property
    def book(self) -> TermsBook:
        """The terms that the log has published."""
        return self._tables.book(self.connection, self.facts)

    def is_final(self, known_at: int, partition: int | None = None) -> bool:
        """Whether every partition (or the one named) is closed through an instant."""
        asked = [self.partitions[partition]] if partition is not None else list(self.partitions.values())
        return bool(asked) and all(
            fact.closed_through is not None and known_at <= fact.closed_through for fact in asked
        )

    # --- numbers ------------------------------------------------------------------------------------------------------

    def every(self, moment: Moment) -> Iterator[Folded]:
        """Every number that was known, in the numbers' order."""
        after = ""
        while numbers := self.lifecycles.numbers(self.connection, after, _AT_ONCE):
            yield from self.fold(numbers, moment)
            after = numbers[-1]

    def due(self, moment: Moment) -> Iterator[Folded]:
        """The numbers for which something fell due unrecorded."""
        yield from self._folded(self.lifecycles.due(self.connection, moment.as_of, moment.known_at), moment)

    def coming(self, moment: Moment, until: int) -> Iterator[Folded]:
        """The numbers for which something falls due by `until`, or fell due unrecorded."""
        numbers = self.lifecycles.coming(self.connection, moment.as_of, moment.known_at, until)
        yield from self._folded(numbers, moment)

    def _folded(self, numbers: Sequence[str], moment: Moment) -> Iterator[Folded]:
        for first in range(0, len(numbers), _AT_ONCE):
            yield from self.fold(numbers[first : first + _AT_ONCE], moment)

    def fold(self, numbers: Sequence[str], moment: Moment) -> Iterator[Folded]:
        """Those of the numbers that were known: states by their events and the rules, credit and use by the sums."""
        as_of, known_at, _ = moment
        book = self.book
        lines: dict[str, Line] = {}
        positions: dict[str, tuple[int, int]] = {}
        for msisdn, partition, ordinal, event in self.lifecycles.events_of(
            self.connection, numbers, as_of, known_at
        ):
            line = lines.get(msisdn)
            if line is None:
                line = lines[msisdn] = Line(msisdn, book)
            line.take(event)
            positions[msisdn] = (partition, ordinal)
        ids = [id_ for line in lines.values() for id_ in accounts_of(line)]
        names = [f"{id_}/{part}" for id_ in ids for part in ("credit", "reserved")]
        sums = self.balances.of_each(self.connection, names, as_of, known_at)
        used = self.usage.of_each(self.connection, ids, as_of, known_at)
        for msisdn, line in lines.items():
            partition, last = positions[msisdn]
            for account in map(prepaid, accounts_of(line).values()):
                account.available, moved = sums.get(f"{account.id}/credit", (0, 0))
                account.reserved, held = sums.get(f"{account.id}/reserved", (0, 0))
                last = max(last, moved, held)
                account.usage.charged = 0
                for service in ("voice", "sms", "data"):
                    granted, charged, at = used.get((account.id, service), (0, 0, 0))
                    setattr(account.usage, service, granted)
                    account.usage.charged += charged
                    last = max(last, at)
            before = ([account.state for account in accounts_of(line).values()], line.number_state)
            line.cause = Cause(as_of, "", None, "clock")
            line.advance(as_of)
            yield Folded(line, line.collect(), (partition, last), before)

    def balance_of(
        self, msisdn: str, accounts: list[str], name: str, moment: Moment
    ) -> tuple[dict[str, int], tuple[int, int]]:
        """The sums by unit of a customer's ledger account, and the position of the number's last event known."""
        as_of, known_at, _ = moment
        found = self.lifecycles.last_of(self.connection, msisdn, as_of, known_at)
        if found is None:
            raise LookupError(msisdn)
        partition, last = found
        names = [f"{id_}/{part}" for id_ in accounts for part in ("credit", "reserved")]
        if name not in names:
            names.append(name)
        by = ("account", "unit")
        sums = self.balances.sums.at(self.connection, as_of, known_at, by=by, account=names)
        used = self.usage.of_each(self.connection, accounts, as_of, known_at).values()
        last = max([last, *(row[-1] for row in (*sums, *used))])
        return {unit: int(amount) for account, unit, amount, _ in sums if account == name}, (partition, last)


def accounts_of(line: Line) -> dict[str, Account]:
    """Every account that a number has had."""
    current = {} if line.account is None else {line.account.id: line.account}
    return {**line.former, **current}


def postings_of(folded: Iterable[Folded]) -> dict[tuple[str, str], int]:
    """What the events that fell due sum to, by (account, unit)."""
    sums: dict[tuple[str, str], int] = {}
    for one in folded:
        for event in one.due:
            for posting in event.postings:
                key = (posting["account"], posting["unit"])
                sums[key] = sums.get(key, 0) + posting["amount"]
    return sums
