"""Numbers as of an instant, as known at another, as the projections make them; what fell due is folded in.

States follow from their events, by the rules; credit and use are their sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ledger.domain.events import Event
from ledger.domain.line.account import Account
from ledger.domain.line.commands import SERVICES
from ledger.domain.line.line import Line
from ledger.domain.prepaid.account import PrepaidAccount
from projections.engine.snapshot import Snapshot
from projections.line.lifecycles import Lifecycles
from projections.line.lines_as_of import LineAsOf, accounts_in, advanced, states_of
from projections.line.usage import Usage, Used
from projections.money.balances import Balances

_AT_ONCE = 200
"""Numbers that are folded at once."""
_HOLDING = ("credit", "reserved")
"""Parts of an account that only its own number's events move."""


def every_line(then: Snapshot) -> Iterator[LineAsOf]:
    """Every number that was known, in the numbers' order."""
    lifecycles = then.of(Lifecycles)
    after = ""
    while numbers := lifecycles.numbers(then.connection, after, _AT_ONCE):
        yield from lines(then, numbers)
        after = numbers[-1]


def lines_due(then: Snapshot) -> Iterator[LineAsOf]:
    """The numbers for which something fell due unrecorded."""
    yield from _in_parts(then, then.of(Lifecycles).due(then.connection, then.as_of, then.known_at))


def lines_coming(then: Snapshot, until: int) -> Iterator[LineAsOf]:
    """The numbers for which something falls due by `until`, or fell due unrecorded."""
    numbers = then.of(Lifecycles).coming(then.connection, then.as_of, then.known_at, until)
    yield from _in_parts(then, numbers)


def _in_parts(then: Snapshot, numbers: Sequence[str]) -> Iterator[LineAsOf]:
    for first in range(0, len(numbers), _AT_ONCE):
        yield from lines(then, numbers[first : first + _AT_ONCE])


def lines(then: Snapshot, numbers: Sequence[str]) -> Iterator[LineAsOf]:
    """Those of the numbers that were known."""
    as_of, known_at, book = then.as_of, then.known_at, then.book
    found: dict[str, Line] = {}
    positions: dict[str, tuple[int, int]] = {}
    events = then.of(Lifecycles).events_of(then.connection, numbers, as_of, known_at)
    for msisdn, partition, ordinal, event in events:
        line = found.get(msisdn)
        if line is None:
            line = found[msisdn] = Line(msisdn, book)
        line.take(event)
        positions[msisdn] = (partition, ordinal)
    ids = [id_ for line in found.values() for id_ in accounts_in(line)]
    sums = then.of(Balances).of_each(then.connection, _ledger_accounts(ids), as_of, known_at)
    used = then.of(Usage).of_each(then.connection, ids, as_of, known_at)
    for msisdn, line in found.items():
        partition, last = positions[msisdn]
        for account in accounts_in(line).values():
            last = max(last, _use_of(account, used))
            if isinstance(account, PrepaidAccount):
                account.available, moved = sums.get(f"{account.id}/credit", (0, 0))
                account.reserved, held = sums.get(f"{account.id}/reserved", (0, 0))
                last = max(last, moved, held)
        recorded = states_of(line)
        due = advanced(line, as_of)
        yield LineAsOf(line, due, recorded, then.moment(partition), f"{partition}:{last}")


def _use_of(account: Account, used: Mapping[tuple[str, str], Used]) -> int:
    """Puts in all use, of which not all is among what states follow from; returns the ordinal of its last."""
    last = account.usage.charged = 0
    for service in SERVICES:
        granted, charged, at = used.get((account.id, service), (0, 0, 0))
        setattr(account.usage, service, granted)
        account.usage.charged += charged
        last = max(last, at)
    return last


def _ledger_accounts(accounts: Sequence[str]) -> list[str]:
    return [f"{account}/{part}" for account in accounts for part in _HOLDING]


class Lines:
    """What the rules of lines say: see `Numbers` of a snapshot."""

    def unrecorded(self, then: Snapshot, msisdn: str | None) -> Iterator[Event]:
        """What falls due by then and was not recorded: of one number, or of every one."""
        if msisdn is None:
            found = lines_due(then)
        elif then.of(Lifecycles).is_due(then.connection, msisdn, then.as_of, then.known_at):
            found = lines(then, [msisdn])
        else:
            return
        for line in found:
            yield from line.due

    def accounts_of(self, then: Snapshot, msisdn: str) -> list[str]:
        """The accounts of a number that had begun, generation by generation."""
        return then.of(Lifecycles).accounts_of(then.connection, msisdn, then.as_of, then.known_at)

    def terms_of(self, then: Snapshot, msisdn: str) -> str | None:
        """The terms that a number's account is under, whenever; None where it has none."""
        line = Line(msisdn, then.book)
        for _, _, _, event in then.of(Lifecycles).events_of(then.connection, [msisdn]):
            line.take(event)
        return None if line.account is None else line.account.terms

    def last_of(self, then: Snapshot, msisdn: str) -> tuple[int, int]:
        """The partition of a number that is known, and the ordinal of the last of its events that was.

        What moves nothing but money or use is not among the events that its states follow from: so its sums are asked.
        """
        connection, as_of, known_at = then.connection, then.as_of, then.known_at
        found = then.of(Lifecycles).last_of(connection, msisdn, as_of, known_at)
        if found is None:
            raise LookupError(msisdn)
        accounts = self.accounts_of(then, msisdn)
        sums = then.of(Balances).of_each(connection, _ledger_accounts(accounts), as_of, known_at)
        used = then.of(Usage).of_each(connection, accounts, as_of, known_at)
        partition, last = found
        return partition, max([last, *(row[-1] for row in (*sums.values(), *used.values()))])
