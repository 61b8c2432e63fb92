"""The generations of a projection's tables: which is live, where each stands, and how positions move on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ledger.errors import DatabaseDamaged, DatabaseFormatUnknown
from projections.engine.database import GENERATIONS, POSITIONS
from projections.engine.database_transactions import Transaction
from projections.engine.projection import Projection
from projections.engine.sql import select
from projections.engine.sql_expressions import and_
from projections.engine.sql_tables import delete, insert, update

FIRST = 1
"""The generation that a runner begins with, and a rebuild never makes."""


class Overtaken(Exception):
    """Another runner has taken in the same events."""


class ProjectionPosition(NamedTuple):
    """Where a projection stands in a partition."""

    projection: str
    generation: int
    partition: int
    ordinal: int


def live(connection: Transaction, kind: type[Projection]) -> Projection:
    """The live generation of a projection, which is its first where there is none yet.

    Raises DatabaseFormatUnknown where its tables are those of another release, DatabaseDamaged where one is gone.
    """
    found = connection.execute(
        select(GENERATIONS.c.generation, GENERATIONS.c.version).where(GENERATIONS.c.projection == kind.name)
    ).first()
    if found is None:
        drop_tables(connection, kind, FIRST)  # whoever made them has not come to its end
        positions = POSITIONS.c
        connection.execute(
            delete(POSITIONS).where(positions.projection == kind.name, positions.generation == FIRST)
        )
        row = {"projection": kind.name, "generation": FIRST, "version": kind.version}
        connection.execute(insert(GENERATIONS).values(**row))
        return kind(FIRST)
    return _made(connection, kind, Live(*found))


def must_be_readable(connection: Transaction, kinds: Mapping[str, type[Projection]]) -> None:
    """Raises DatabaseFormatUnknown or DatabaseDamaged where what is live of projections cannot be read as it should."""
    for name, found in live_kinds(connection).items():
        if name in kinds:
            _made(connection, kinds[name], found)


def _made(connection: Transaction, kind: type[Projection], found: Live) -> Projection:
    must_be_of_this_release(kind, found.version)
    made = kind(found.generation)
    # Made again they would be empty, and what they stand for would be taken for nothing.
    for table in made.metadata.tables.keys() - set(connection.table_names()):
        raise DatabaseDamaged(
            f"the table {table} is gone: `pulsa projections rebuild {kind.name}` makes it anew"
        )
    return made


def must_be_of_this_release(kind: type[Projection], version: int) -> None:
    """Raises DatabaseFormatUnknown where a projection's tables are those of another release."""
    if version != kind.version:
        raise DatabaseFormatUnknown(
            f"the tables of {kind.name} are of version {version}, and this release has version {kind.version}:"
            " `pulsa projections rebuild` makes them anew"
        )


class Live(NamedTuple):
    """The live generation of a projection, and the version of the tables that it has."""

    generation: int
    version: int


def live_kinds(connection: Transaction) -> dict[str, Live]:
    """What is live of each projection that was begun."""
    return {row[0]: Live(*row[1:]) for row in connection.execute(select(*GENERATIONS.c))}


def generations(connection: Transaction) -> dict[str, int]:
    """The live generation of each projection that has one."""
    return {name: found.generation for name, found in live_kinds(connection).items()}


def drop_tables(connection: Transaction, kind: type[Projection], generation: int) -> None:
    """Drops the tables of a generation, those of earlier releases too; whatever else there is stays."""
    own = {*kind(generation).metadata.tables, *(f"{kind.name}_{name}_{generation}" for name in kind.former)}
    for table in own.intersection(connection.table_names()):
        connection.run(f"DROP TABLE {table}")


def begin(connection: Transaction, projection: Projection, partition: int, ordinal: int = 0) -> None:
    """Sets a generation's first position in a partition, unless it has one."""
    connection.execute(
        insert(POSITIONS)
        .values(
            projection=projection.name,
            generation=projection.generation,
            partition=partition,
            ordinal=ordinal,
        )
        .on_conflict_do_nothing()
    )


def move(connection: Transaction, projection: Projection, partition: int, before: int, after: int) -> None:
    """Moves a position on from where it was. Raises Overtaken where it is no longer there."""
    columns = POSITIONS.c
    moved = connection.execute(
        update(POSITIONS)
        .where(
            columns.projection == projection.name,
            columns.generation == projection.generation,
            columns.partition == partition,
            columns.ordinal == before,
        )
        .values(ordinal=max(before, after))
    )
    if moved.rowcount != 1:
        raise Overtaken


def in_turn(made: Iterable[Projection]) -> list[Projection]:
    """In the one order that everybody moves them in: nobody then waits for who waits for him."""
    return sorted(made, key=lambda projection: projection.name)


def positions_by_partition(connection: Transaction) -> dict[int, list[ProjectionPosition]]:
    """Where the live generations stand, by partition."""
    columns, live = POSITIONS.c, GENERATIONS.c
    found = connection.execute(
        select(*(columns[name] for name in ProjectionPosition._fields)).select_from(
            POSITIONS.join(
                GENERATIONS,
                and_(live.projection == columns.projection, live.generation == columns.generation),
            )
        )
    )
    found_in: dict[int, list[ProjectionPosition]] = {}
    for row in found:
        position = ProjectionPosition(*row)
        found_in.setdefault(position.partition, []).append(position)
    return found_in
