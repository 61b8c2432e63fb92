"""What others would have written down of a log that was played, and what goes wrong with such statements."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.application.ledger import Ledger
from ledger.domain.calendar import DAY, NEVER, day_of_number, zone
from ledger.domain.events import Event
from ledger.domain.ids import log_of
from ledger.domain.money import IDR, format_amount
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.postpaid.events_of_bills import BillIssued
from ledger.reconciliation.evidence_store import EvidenceStore, evidence_key
from ledger.reconciliation.matchables import (
    EQUAL,
    Item,
    Rules,
    Stated,
    StatedDays,
    SystemRecord,
    near,
    number_of_account,
)
from ledger.reconciliation.matching import ToMatch, matched
from ledger.reconciliation.partners_records import partners_records
from ledger.reconciliation.readers.stated_file import identifier
from ledger.reconciliation.receiving import Sender, commands_of
from ledger.reconciliation.reconciling import reconcile
from ledger.reconciliation.recorded_movements import said_by, system_records
from ledger.reconciliation.statement_files import read_statements
from ledger.store.reading import SqliteReader, SqliteSnapshot

JAKARTA = zone("Asia/Jakarta")
CHANNEL, BANK, PARTNER, BILL = "channel", "bank", "partner", "bill"
_WINDOW = 120
"""Days of a statement; a partner's is of all."""
_FEW = 5
"""A partner of so few records tells nothing here."""
_EDGE = {CHANNEL: 12, BANK: 12, PARTNER: 4}
"""How far from its ends faults are put: what lies nearer may come later, and one may be shifted by nine days."""

Flagged = Counter[tuple[str, str, int]]
"""How often an outcome, of which number (or partner's record), about so many sen."""


class Told(NamedTuple):
    """A line as a channel, bank or partner tells it; `amount` in sen of `unit`."""

    reference: str
    number: str
    day: int
    amount: int
    unit: str
    quantity: int = 0


class Fault(NamedTuple):
    """What a fault did to lines, and what must come of it."""

    lines: Sequence[Told]
    expected: Sequence[tuple[str, str, int]]


Faulty = Callable[[random.Random, Sequence[Told]], Fault]
"""What becomes of one line, or of several of one number that stand near each other."""


def _amount_changed(_: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    return Fault(
        [one._replace(amount=one.amount + 12_300)],
        [("amount-differs", one.number, 12_300)],
    )


def _dropped(_: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    return Fault([], [("missing-on-statement", one.number, one.amount)])


def _doubled(_: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    return Fault([one, one], [("duplicate-on-statement", one.number, one.amount)])


def _shifted(chance: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    moved = one._replace(reference="", day=one.day + chance.choice([-9, 9]))
    both = ("missing-in-system", "missing-on-statement")
    return Fault([moved], [(outcome, one.number, one.amount) for outcome in both])


def _merged(_: random.Random, own: Sequence[Told]) -> Fault:
    one, other = own
    total = one.amount + other.amount
    return Fault([one._replace(reference="", amount=total)], [("together", one.number, total)])


def _split(chance: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    part = chance.randrange(1, one.amount)
    parts = [one._replace(reference="", amount=amount) for amount in (part, one.amount - part)]
    return Fault(parts, [("together", one.number, one.amount)])


def _mistyped(_: random.Random, own: Sequence[Told]) -> Fault:
    [one] = own
    wrong = f"62899{one.number[5:]}"
    return Fault(
        [one._replace(number=wrong)],
        [("missing-in-system", wrong, one.amount), ("missing-on-statement", one.number, one.amount)],
    )


_OF_A_LINE: tuple[Faulty, ...] = (_amount_changed, _dropped, _doubled, _mistyped)
STATED_WRONG: dict[str, tuple[Faulty, ...]] = {
    CHANNEL: (*_OF_A_LINE, _shifted, _merged, _split),
    BANK: (*_OF_A_LINE, _shifted, _split),
    PARTNER: _OF_A_LINE,  # nothing but his own reference tells a partner's record
    BILL: (_amount_changed, _dropped, _doubled),
}
_MAPPINGS = """
kind = "{kind}"
number = "s-{seed}"
currency = "{unit}"
fields = ["reference", "account", "date", "amount", "quantity"]
{own}
"""


class Delivered(NamedTuple):
    """A file, its mapping, and what must be flagged of it."""

    kind: str
    content: bytes
    mapping: bytes | None
    expected: Flagged


def statements(events: Sequence[Event], seed: int, kind: str) -> Delivered:
    """What a channel, a bank or a partner tells of some of the days, three faults of each sort among it."""
    chance = random.Random(f"{seed}/{kind}")
    told = [
        Told(
            one.reference or "", event.account.partition("#")[0], day, one.amount, one.unit, one.quantity or 0
        )
        for event in events
        for one in said_by(event, kind)
        for day in [JAKARTA.day_number(event.effective_at)]
    ]
    unit: str = IDR
    own = ""
    if kind == PARTNER:
        often = Counter((one.reference.partition("/")[0], one.unit) for one in told)
        partner, unit = chance.choice([one for one, times in sorted(often.items()) if times > _FEW])
        own = f'partner = "{partner}"'
        told = [one for one in told if (one.reference.partition("/")[0], one.unit) == (partner, unit)]
        told = [one._replace(reference=one.reference.partition("/")[2]) for one in told]
    told = [one for one in told if one.unit == unit]
    first, last = min(one.day for one in told), max(one.day for one in told)
    since = chance.randrange(first, max(first, last - _WINDOW) + 1) if kind != PARTNER else first
    until = since + _WINDOW if kind != PARTNER else last
    told = sorted((one for one in told if since <= one.day <= until), key=lambda one: one.day)
    kept, expected = _with_faults(chance, told, kind)
    rows = [
        f"{one.reference},{one.number},{day_of_number(one.day)},{format_amount(one.amount)},{one.quantity or ''}"
        for one in sorted(kept, key=lambda one: one.day)
    ]
    mapping = _MAPPINGS.format(kind=kind, seed=seed, unit=unit, own=own)
    return Delivered(kind, "\n".join(rows).encode() + b"\n", mapping.encode(), expected)


def _with_faults(chance: random.Random, told: Sequence[Told], kind: str) -> tuple[list[Told], Flagged]:
    """Each fault at another number, or lines of one would be taken for each other; a partner's have references."""
    expected: Flagged = Counter()
    kept = list(told)
    first, last = told[0].day + _EDGE[kind], told[-1].day - _EDGE[kind]
    inner = [one for one in told if first <= one.day <= last and one.amount > 1]
    times = Counter((one.reference, one.number) for one in told)
    inner = [
        one
        for one in inner
        if times[one.reference, one.number] == 1 and identifier(one.reference) is not None
    ]
    untouched = {one.number for one in inner}
    for fault in [*STATED_WRONG[kind]] * 3:
        pairs = [
            [one, other]
            for place, one in enumerate(inner)
            for other in inner[place + 1 : place + 200]
            if one.number == other.number in untouched and other.day - one.day <= 2
        ]
        chosen = pairs if fault is _merged else [[one] for one in inner if one.number in untouched]
        if not chosen:
            continue
        own = chance.choice(chosen)
        made = fault(chance, own)
        if kind != PARTNER:
            untouched -= {own[0].number}
        inner = [one for one in inner if one not in own]
        for one in own:
            kept.remove(one)
        kept += made.lines
        expected.update(made.expected)
    return kept, expected


def bill(event: BillIssued, fault: Faulty) -> Delivered:
    """A bill as it was delivered, with a fault in one of its lines."""
    charged = [(f"{one['kind']}/{one['source']}", one["amount"]) for one in event.lines]
    own = [Told(kind, event.account, 0, amount, IDR) for kind, amount in charged]
    made = fault(random.Random(event.bill), own[:1])
    lines = [
        {"kind": name, "source": source, "amount": format_amount(one.amount)}
        for one in (*made.lines, *own[1:])
        for name, _, source in [one.reference.partition("/")]
    ]
    said = {
        "bill": event.bill,
        "account": event.account,
        "issued_on": str(day_of_number(event.issued_on)),
        "lines": lines,
        "tax": format_amount(event.tax),
        "total": format_amount(event.total),
    }
    return Delivered(BILL, json.dumps(said).encode() + b"\n", None, Counter(made.expected))


class Population:
    """A log that was played: what statements could speak of, and what is flagged of them."""

    def __init__(self, log: SqliteSnapshot) -> None:
        self._log = log
        self._found = [(one.event, one.digest.hex()) for one in log.events()]
        self.events = [event for event, _ in self._found]
        self._told: dict[tuple[str, str], list[SystemRecord]] = {}

    def flagged(self, one: Delivered, file: Path) -> Flagged:
        """What is flagged of a statement that is read and matched, and never taken in."""
        file.write_bytes(one.content)
        (read,) = read_statements(file, mapping=one.mapping)
        lines = [
            Stated(
                *(line.line, line.account, number_of_account(line.account), line.reference, line.group),
                *(line.amount, line.unit, line.on or 0, line.balance, line.quantity),
            )
            for line in read.lines
        ]
        records = self._records(one.kind, read.unit)
        period = StatedDays(read.since_on, read.until_on)
        if one.kind == PARTNER:
            records = partners_records(records, self._found, lines, {0: self._log}, lambda _: 0)
        known = near(records, period, Rules())
        return flagged(
            matched(ToMatch(lines, known, period=period, by_reference=one.kind == PARTNER)), one.kind
        )

    def _records(self, kind: str, unit: str) -> list[SystemRecord]:
        if (kind, unit) not in self._told:
            self._told[kind, unit] = system_records(
                self._found, kind, frozenset({unit}), NEVER, lambda one: JAKARTA.day_number(one.effective_at)
            )
        return self._told[kind, unit]


def reconciled(ledger: Ledger, log: Path, found: Iterable[Delivered], at: int) -> list[Flagged]:
    """What is flagged of each, once the log has taken all of them in and is closed."""
    folder = log.parent
    store = EvidenceStore(folder / "evidence", evidence_key(folder / "evidence.key", make=True))
    subjects = []
    for place, one in enumerate(found):
        file = folder / f"stated-{place}"
        file.write_bytes(one.content)
        (read,) = read_statements(file, mapping=one.mapping)
        assert read.findings == []
        sent = list(commands_of(read, 0, store.keep(file), store.key, Sender(at, "desk")))
        assert {outcome.code for outcome in ledger.execute(sent)} == {None}
        subjects.append((sent[0].subject, one.kind))
    ledger.execute([CloseThrough(at=at + DAY, command_id="stated", msisdn=log_of(0), through=at + 1)])
    with SqliteReader(log).snapshot() as opened:
        runs = [
            (reconcile([opened], lambda _: 0, subject, Rules()).items, kind) for subject, kind in subjects
        ]
    return [flagged(items, kind) for items, kind in runs]


def flagged(items: Iterable[Item], kind: str) -> Flagged:
    """What was flagged; merged and split lines are told as belonging together."""
    found: Flagged = Counter()
    for one in items:
        together = len(one.lines) + len(one.records) > 2
        if one.outcome == EQUAL and not together:
            continue
        account = one.account or ""
        both = one.stated is not None and one.system is not None
        amount = one.difference if both and not together else (one.stated or one.system or 0)
        name = account if kind == BILL else account.partition("#")[0]
        found["together" if together else one.outcome, name, amount] += 1
    return found
