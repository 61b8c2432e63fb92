"""Two runs of one statement, as known at two instants: what became of an item otherwise, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.reconciliation.matchables import Item
from ledger.reconciliation.reconciling import Run
from projections.engine.answers import Answer


@dataclass(frozen=True, slots=True)
class ItemCompared(Answer):
    """An item that two runs tell otherwise; null on the side of a run that has none of that name.

    `stated` and `system` are what the statement and the system say of it. `final`: whether neither run will change.
    """

    statement: str
    item: str
    outcome_before: str | None
    outcome: str | None
    rule_before: str | None
    rule: str | None
    records_before: list[str]
    records: list[str]
    account: str | None
    unit: str
    stated: Sen | None
    system_before: Sen | None
    system: Sen | None
    resolved_before: str | None
    resolved: str | None
    known_before: Instant
    known_at: Instant
    final: bool


def compared(before: Run, after: Run) -> Iterator[ItemCompared]:
    """The items that differ: those of the later run in their order, and then those that only the earlier one has."""
    was = _by_name(before)
    now = _by_name(after)
    for name in [*now, *(name for name in was if name not in now)]:
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        one = new or old
        assert one is not None  # noqa: S101 - it is of one of them
        yield ItemCompared(
            statement=after.statement.id,
            item=one.id,
            outcome_before=None if old is None else old.outcome,
            outcome=None if new is None else new.outcome,
            rule_before=None if old is None else old.rule,
            rule=None if new is None else new.rule,
            records_before=[] if old is None else [*old.records],
            records=[] if new is None else [*new.records],
            account=one.account,
            unit=one.unit,
            stated=one.stated,
            system_before=None if old is None else old.system,
            system=None if new is None else new.system,
            resolved_before=None if old is None else old.resolved,
            resolved=None if new is None else new.resolved,
            known_before=before.known_at,
            known_at=after.known_at,
            final=before.final and after.final,
        )


def _by_name(run: Run) -> dict[tuple[str, int], Item]:
    """Items by their name; of a line several things may be found, each by its place among them."""
    found: dict[tuple[str, int], Item] = {}
    times: dict[str, int] = {}
    for item in run.items:
        place = times[item.id] = times.get(item.id, -1) + 1
        found[item.id, place] = item
    return found
