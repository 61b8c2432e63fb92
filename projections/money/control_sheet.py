"""The control sheet of an export: what whoever is handed the file checks it against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.domain.calendar import NEVER, Instant, format_instant
from ledger.domain.ids import is_operators
from ledger.domain.money import Posting, format_amount
from projections.engine.answers import Answer, position
from projections.money.ledger_accounts import class_of
from projections.money.selecting import Sample, Selection

Alias = Callable[[str], str]
"""What an id is written as."""


@dataclass(slots=True)
class ExportTally:
    """What is counted while an export is written. Customers' accounts are summed, unless they are asked for."""

    selected: Selection
    alias: Alias = str
    """What ids are written as."""
    transactions: int = 0
    postings: int = 0
    sums: dict[tuple[str, str], int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def transaction(self, partition: int, ordinal: int) -> None:
        """Counts a transaction."""
        self.transactions += 1
        self.first.setdefault(partition, ordinal)
        self.last[partition] = ordinal

    def posting(self, posting: Posting) -> None:
        """Counts a posting."""
        self.postings += 1
        account = posting["account"]
        own = is_operators(account) or bool(self.selected.accounts)
        key = (self.alias(account) if own else class_of(account), posting["unit"])
        self.sums[key] = self.sums.get(key, 0) + posting["amount"]


class Summed(NamedTuple):
    """What the postings of a file to a ledger account, or to all customers' of a class, sum to in sen."""

    account: str
    unit: str
    amount: int


@dataclass(frozen=True, slots=True)
class ControlSheet(Answer):
    """What is in the file: counts, sums in sen, first and last positions (None: it is empty), SHA-256 of its bytes.

    `population` is how many transactions a sample was chosen from.
    """

    format: str
    digest: str
    transactions: int
    postings: int
    rows: tuple[Summed, ...]
    first: str | None
    last: str | None
    selected: Selection
    sample: Sample | None
    population: int | None
    as_of: Instant
    known_at: Instant
    final: bool
    position: str
    alias: Alias = str

    @property
    def totals(self) -> dict[str, int]:
        """The sum per unit, in sen."""
        totals: dict[str, int] = {}
        for row in self.rows:
            totals[row.unit] = totals.get(row.unit, 0) + row.amount
        return totals

    def to_json(self) -> dict[str, Any]:
        """The sheet as programs read it."""
        selected = self.selected
        return {
            "format": self.format,
            "sha256": self.digest,
            "transactions": self.transactions,
            "postings": self.postings,
            "sums": [
                {"account": row.account, "unit": row.unit, "amount": format_amount(row.amount)}
                for row in self.rows
            ],
            "totals": {unit: format_amount(amount) for unit, amount in sorted(self.totals.items())},
            "first": self.first,
            "last": self.last,
            "from": None if selected.since == -NEVER else format_instant(selected.since),
            "to": None if selected.until == NEVER else format_instant(selected.until),
            "accounts": [self.alias(one) for one in selected.accounts],
            "types": None if selected.topics is None else sorted(selected.topics),
            "zones": list(selected.zones),
            "sample": None
            if self.sample is None
            else {**self.sample._asdict(), "population": self.population},
            "as_of": format_instant(self.as_of),
            "known_at": format_instant(self.known_at),
            "final": self.final,
            "position": self.position,
        }


def control_sheet(  # noqa: PLR0913 - the file, and what it was made of
    format_: str,
    digest: str,
    tally: ExportTally,
    heads: dict[int, int],
    sample: Sample | None = None,
    population: int | None = None,
) -> ControlSheet:
    """The sheet of a file that is written; `heads` are the ordinals by partition that the log went to then."""
    selected = tally.selected
    return ControlSheet(
        format_,
        digest,
        tally.transactions,
        tally.postings,
        tuple(Summed(*key, tally.sums[key]) for key in sorted(tally.sums)),
        position(tally.first) or None,
        position(tally.last) or None,
        selected,
        sample,
        population,
        selected.as_of,
        selected.known_at,
        selected.final,
        position(heads),
        tally.alias,
    )
