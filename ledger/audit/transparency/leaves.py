"""What the trees of a partition are made of: the digests of its events and of its journal, in their order.

An event's leaf is the digest that chains it to its subject's event before; leaf `n` is the event at ordinal `n + 1`. A
decision's leaf is its journal entry's digest, so that a refusal can be proved too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from ledger.audit.transparency.merkle import HASH_BYTES, leaf_hashes
from ledger.errors import LogDamaged
from ledger.store.layout import intelligible
from ledger.store.reading import SqliteSnapshot

_AT_ONCE = 10_000
"""Leaves that are read at once."""


class Leaves(NamedTuple):
    """A kind of leaves: its name, what one is called, and the rows that hold them."""

    name: str
    one: str
    table: str
    number: str
    digest: str

    def count(self, log: SqliteSnapshot) -> int:
        """How many there are."""
        with intelligible(log.path):
            statement = f"SELECT ifnull(max({self.number}), 0) FROM {self.table}"  # noqa: S608 - columns of ours
            return int(log.connection.execute(statement).fetchone()[0])

    def hashes(self, log: SqliteSnapshot, start: int, end: int) -> Iterator[list[bytes]]:
        """The hashes of the leaves of [start, end), some thousand at once.

        Raises LogDamaged where one is missing, or its row holds no digest.
        """
        statement = (
            f"SELECT {self.number}, {self.digest} FROM {self.table}"  # noqa: S608 - columns of ours
            f" WHERE {self.number}>? AND {self.number}<=? ORDER BY {self.number}"
        )
        while start < end:
            upto = min(start + _AT_ONCE, end)
            with intelligible(log.path):
                rows = log.connection.execute(statement, (start, upto)).fetchall()
            digests = [digest for _, digest in rows]
            numbers = [number for number, _ in rows]
            if (
                numbers != [*range(start + 1, upto + 1)]
                or {*map(type, digests)} != {bytes}
                or {*map(len, digests)} != {HASH_BYTES}
            ):
                self._name_the_first(log, rows, start)
            yield leaf_hashes(digests)
            start = upto

    def _name_the_first(self, log: SqliteSnapshot, rows: list[tuple[int, bytes]], start: int) -> NoReturn:
        """Raises LogDamaged at the first leaf that is not there."""
        for expected, (number, digest) in enumerate(rows, start + 1):
            if number != expected:
                raise LogDamaged(f"{self.place(log, expected - 1)} is missing")
            if type(digest) is not bytes or len(digest) != HASH_BYTES:
                raise LogDamaged(f"{self.place(log, expected - 1)} has no digest")
        raise LogDamaged(f"{self.place(log, start + len(rows))} is missing")

    def place(self, log: SqliteSnapshot, index: int) -> str:
        """What a leaf is of, and where."""
        return f"{log.path}: the {self.one} at {log.partition}:{index + 1}"


EVENTS = Leaves("events", "event", "stored_events", "ordinal", "digest")
DECISIONS = Leaves("decisions", "journal entry", "journal", "entry", "chain")
KINDS = (EVENTS, DECISIONS)
