"""The projections as one transaction sees them, as of an instant, as known at another: what questions are asked of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from ledger.domain.calendar import Zone, format_instant
from ledger.domain.events import Event
from ledger.domain.terms_book import TermsBook
from projections.engine.answers import Moment, position
from projections.engine.database import GENERATIONS, POSITIONS
from projections.engine.database_transactions import Transaction
from projections.engine.generations import must_be_of_this_release
from projections.engine.instants import Asked, own_zone
from projections.engine.partition_facts import PartitionFact, PartitionFacts
from projections.engine.prepared import Prepared
from projections.engine.projection import Projection, ProjectionsByName
from projections.engine.sql import Select, select
from projections.engine.sql_expressions import and_
from projections.engine.unanswered import BeforeTheLog, ProjectionBehind, UnknownThen, unknown

_P = TypeVar("_P", bound=Projection)


def _positions() -> Select:
    p, g = POSITIONS.c, GENERATIONS.c
    both = and_(g.projection == p.projection, g.generation == p.generation)
    columns = (g.projection, g.generation, g.version, p.partition, p.ordinal)
    return select(*columns).select_from(GENERATIONS.outerjoin(POSITIONS, both))


_POSITIONS = Prepared(_positions())


class NumberRules(Protocol):
    """What the rules say of numbers, whatever accounts they have: the engine knows no rule, and is handed this."""

    def unrecorded(self, then: Snapshot, msisdn: str | None) -> Iterator[Event]:
        """What falls due by then and was not recorded: of one number, or of every one."""

    def accounts_of(self, then: Snapshot, msisdn: str) -> list[str]:
        """The accounts of a number that had begun, generation by generation."""

    def last_of(self, then: Snapshot, msisdn: str) -> tuple[int, int]:
        """The partition of a number that is known, and the ordinal of the last of its events that was."""

    def terms_of(self, then: Snapshot, msisdn: str) -> str | None:
        """The terms that a number's account is under, whenever; None where it has none."""


class Tables:
    """The tables of each generation, and the terms: made once, for they do not change."""

    def __init__(self, projections: ProjectionsByName, numbers: NumberRules) -> None:
        self.projections = projections
        self.numbers = numbers
        self.book = TermsBook()
        self._made: dict[tuple[str, int], Projection] = {}

    def of(self, kind: type[_P], generation: int) -> _P:
        """The tables of a generation."""
        key = (kind.name, generation)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = kind(generation)
        return made  # type: ignore[return-value]


class Present(NamedTuple):
    """The present instant, and positions to have been reached."""

    now: int
    at_least: Mapping[int, int]


class Snapshot:
    """The projections in one transaction, at a moment.

    `about` is the number that is asked about, if it is one. Raises ProjectionBehind where they do not stand where they
    have to, DatabaseFormatUnknown where they are of another release, KnownBeyondNow, SeveralZones.
    """

    def __init__(
        self,
        connection: Transaction,
        tables: Tables,
        asked: Asked,
        present: Present,
        about: str | None = None,
    ) -> None:
        self.connection = connection
        self.positions: dict[int, int] = {}
        """How far the projections are, by partition."""
        self._tables = tables
        self._generations = self._checked(present.at_least)
        self._facts = self.of(PartitionFacts)
        self.partitions: dict[int, PartitionFact] = self._facts.partitions(connection)
        self.zone = asked.zone
        """The zone whose days are asked for; None: that of the terms."""
        self.as_of, self.known_at = asked.instants(present.now, lambda: self.own_zone(about))

    def own_zone(self, about: str | None) -> Zone:
        """The zone of the terms: of all in the log, or of a number's. Raises SeveralZones."""
        terms_of = self._tables.numbers.terms_of
        return own_zone(self.book, lambda: None if about is None else terms_of(self, about))

    def _checked(self, at_least: Mapping[int, int]) -> dict[str, int]:
        """The live generations, if all have taken in as much, and as much as is asked for."""
        projections = self._tables.projections
        generations: dict[str, int] = {}
        unequal = None
        for name, generation, version, partition, ordinal in _POSITIONS(self.connection):
            if name in projections:
                must_be_of_this_release(projections[name], version)
                generations[name] = generation
            if partition is not None:
                known = self.positions.setdefault(partition, ordinal)
                if known != ordinal:
                    unequal = name
                    self.positions[partition] = min(known, ordinal)
        missing = sorted(projections.keys() - generations)
        if missing:
            raise ProjectionBehind(f"{', '.join(missing)}: not made yet; `pulsa projections run` does")
        for partition, ordinal in at_least.items():
            reached = self.positions.get(partition, 0)
            if reached < ordinal:
                raise ProjectionBehind(
                    f"the projections are at {partition}:{reached}, not yet at {partition}:{ordinal}"
                )
        if unequal is not None:
            raise ProjectionBehind(f"{unequal} is not at the position of the others yet")
        return generations

    def of(self, kind: type[_P]) -> _P:
        """The live tables of a projection."""
        return self._tables.of(kind, self._generations[kind.name])

    @property
    def book(self) -> TermsBook:
        """The terms that the log has published."""
        self._facts.publish(self.connection, self._tables.book)
        return self._tables.book

    # --- what an answer says of itself --------------------------------------------------------------------------------

    def moment(self, partition: int | None = None) -> Moment:
        """The instants, and whether every partition (or the one that is named) is closed through them."""
        facts = list(self.partitions.values()) if partition is None else [self.partitions[partition]]
        closed = [fact.closed_through for fact in facts]
        final = bool(closed) and all(through is not None and self.known_at <= through for through in closed)
        return Moment(self.as_of, self.known_at, final)

    def whole(self) -> tuple[Moment, str]:
        """The moment of an answer about everything, and the position that it rests on. Raises BeforeTheLog."""
        found = self._facts.recorded_by(self.connection, self.known_at)
        if not found:
            raise BeforeTheLog(f"nothing was recorded by {format_instant(self.known_at)}")
        begin = min(fact.created_at for fact in self.partitions.values())
        if self.as_of < begin:
            raise BeforeTheLog(f"the log begins at {format_instant(begin)}")
        return self.moment(), position({**dict.fromkeys(self.positions, 0), **found})

    def of_number(self, msisdn: str) -> tuple[Moment, str]:
        """The moment of an answer about a number that is known, and the position of its last event known."""
        partition, last = self.last_of(msisdn)
        return self.moment(partition), f"{partition}:{last}"

    def unknown(self, subject: str) -> UnknownThen:
        """What is said where nothing of it is known then."""
        return unknown(subject, self.moment())

    # --- what the rules say -------------------------------------------------------------------------------------------

    def unrecorded(self, msisdn: str | None = None) -> Iterator[Event]:
        """What falls due by then and was not recorded: of one number, or of every one."""
        return self._tables.numbers.unrecorded(self, msisdn)

    def accounts_of(self, msisdn: str) -> list[str]:
        """The accounts of a number that had begun, generation by generation."""
        return self._tables.numbers.accounts_of(self, msisdn)

    def last_of(self, msisdn: str) -> tuple[int, int]:
        """The partition of a number that is known, and the ordinal of the last of its events that was."""
        return self._tables.numbers.last_of(self, msisdn)
