"""Random terms, and random histories of commands over a few numbers under them.

Periods are short, amounts small and ids few, so that within some dozens of commands accounts lapse, close and begin
again, blocks and reservations meet, and much is refused. Instants crowd around local midnights, where periods end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from ledger.domain.calendar import DAY, SECOND, day_number, day_of_number, parse_instant, zone
from ledger.domain.commands import Command
from ledger.domain.line.commands import (
    AdvanceTime,
    Block,
    DecideRightsTransfer,
    LineCommand,
    MigrateTerms,
    RecordUsage,
    ReplaceCard,
    RequestRightsTransfer,
    Terminate,
    Unblock,
)
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.terms_models import said_by

NUMBERS = ("6288100000001", "6288100000002", "6288100000003")
STRANGER = "6288100000009"
"""A number that is never issued."""
BEGIN = parse_instant("2024-02-25T09:30:00+07:00")
"""Before 29 February, and before two changes of the clocks in New York."""

IDS = st.sampled_from(["x1", "x2"])
AMOUNTS = st.sampled_from([1, 99, 50_000, 500_000, 700_001, 1_000_000, 5_000_000])
DAYS = st.integers(0, 4)


def _steps(prices: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    price = st.sampled_from(prices)
    one = st.builds(lambda i, p: [{"from": 0, "increment": i, "price": p}], st.integers(1, 90), price)
    two = st.builds(
        lambda i, p, q: [
            {"from": 0, "increment": i, "price": p},
            {"from": 120, "increment": 1, "price": q},
        ],
        st.integers(1, 180),
        price,
        price,
    )
    return one | two


PRICES = st.builds(
    lambda service, steps, cap, zones, band: {
        "service": service,
        "steps": steps,
        **({} if cap is None else {"daily_cap": cap}),
        **({} if zones is None else {"zones": [zones]}),
        **({} if band is None else {"band": band}),
    },
    st.sampled_from(["voice", "voice", "sms", "data"]),
    _steps(["0", "0.005", "18.18", "909", "2.02"]),
    st.sampled_from([None, "1500", "0.5"]),
    st.sampled_from([None, "zone1"]),
    st.sampled_from([None, {"from": "22:00", "to": "06:00"}]),
)


@st.composite
def terms(draw: st.DrawFn, id_: str) -> PrepaidTerms:
    """Terms with every rule drawn at random; some have no validity, no tariff or no transfer."""
    denominations = draw(
        st.sampled_from(
            [
                [],
                [{"credit": "5000", "days": 2}, {"credit": "10000", "days": 6}],
                [
                    {"credit": "0.99", "days": 0},
                    {"credit": "5000", "days": 3},
                    {"credit": "50000", "days": 40},
                ],
            ]
        )
    )
    caps = st.sampled_from(
        [
            [],
            [{"in_force_from": "2024-01-01", "days": 7}],
            [{"in_force_from": "2024-01-01", "days": 30}, {"in_force_from": "2024-03-01", "days": 1}],
        ]
    )
    transfer = {
        "minimum": draw(st.sampled_from(["0.01", "0.01", "5000"])),
        "sender_keeps": draw(st.sampled_from(["0", "500"])),
        "days_on_network": draw(st.integers(0, 1)),
        "daily_count": draw(st.sampled_from([None, None, 1])),
        "daily_amount": draw(st.sampled_from([None, None, "7000.01"])),
        "bands": [
            {"up_to": "5000", "fee": draw(st.sampled_from(["0", "5.05"])), "days": draw(DAYS)},
            {"up_to": "1000000", "fee": "1000", "days": draw(DAYS)},
        ],
    }
    return said_by(
        PrepaidTerms,
        {
            "id": id_,
            "title": id_,
            "document": "none",
            "operator": "some",
            "in_force_from": "2024-01-01",
            "zone": draw(st.sampled_from(["Asia/Jakarta", "UTC", "America/New_York", "Pacific/Auckland"])),
            "rounding": draw(st.sampled_from(["sen", "rupiah"])),
            "late_usage_days": draw(st.sampled_from([1, 2, 4, 30])),
            "reversal_days": draw(st.sampled_from([1, 2, 4, 30])),
            "starter_pack": {"days": draw(st.sampled_from([None, 0, 3, 10, 30]))},
            "top_up": {
                "denominations": denominations,
                "extension": draw(st.sampled_from(["longest", "cumulative", "replace"])),
                "caps": draw(caps),
            },
            "grace": {"days": draw(DAYS)},
            "waiting": {"days": draw(DAYS), "minimum": draw(st.sampled_from(["0", "10000"]))},
            "forfeiture": {"at": draw(st.sampled_from(["restoring-top-up", "waiting-start"]))},
            "quarantine": {"days": draw(DAYS)},
            "reclaim": {"fee": draw(st.sampled_from(["0", "250"]))},
            "card_replacement": {"fees": draw(st.sampled_from([[], [{"name": "card", "amount": "100"}]]))},
            "credit_transfer": draw(st.sampled_from([transfer, transfer, transfer, None])),
            "grounds": [
                {"code": "a", "title": "a"},
                {"code": "b", "title": "b", "requires": "reference"},
                {"code": "c", "title": "c", "requires": "since", "months": draw(st.integers(0, 1))},
            ],
            "tariffs": [
                {
                    "id": "t",
                    "version": "1",
                    "in_force_from": "2024-02-01",
                    "prices": draw(st.lists(PRICES, min_size=2, max_size=4)),
                },
                {
                    "id": "t",
                    "version": "2",
                    "in_force_from": "2024-03-01",
                    "prices": draw(st.lists(PRICES, min_size=1, max_size=4)),
                },
            ],
        },
    )


@dataclass(frozen=True)
class History:
    """Commands in the order in which they arrive, and the terms that they may name."""

    terms: tuple[PrepaidTerms, ...]
    commands: list[Command] = field(default_factory=list)

    def __repr__(self) -> str:
        lines = [f"  {x}" for x in self.commands]
        return "\n".join([*(f"  {t.content}" for t in self.terms), *lines])


Make = Callable[[int, list[str]], dict[str, Any]]
"""The fields of a command, by its instant and the ids of the top-ups so far."""


def _fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Make]:
    def make(values: dict[str, Any]) -> Make:
        return lambda at, top_ups: {
            name: value(at, top_ups) if callable(value) else value for name, value in values.items()
        }

    return st.fixed_dictionaries(strategies).map(make)


def _instant(offsets: st.SearchStrategy[int]) -> st.SearchStrategy[Callable[[int, list[str]], int]]:
    return offsets.map(lambda offset: lambda at, _: at + offset)


TERMS = st.sampled_from(["first", "second"])

KINDS: dict[type[LineCommand], st.SearchStrategy[Make]] = {
    IssueStarterPack: _fields(
        terms=TERMS,
        printed_credit=st.sampled_from([0, 500_000]),
        valid_until=st.integers(-1, 3).map(lambda n: lambda at, _: at // DAY + n),
    ),
    Activate: _fields(
        channel=st.just("web"), customer=IDS, registration=st.sampled_from(["verified", "verified", "failed"])
    ),
    TopUp: _fields(credit=AMOUNTS, price=st.sampled_from([0, 500_000]), channel=st.just("web")),
    ReverseTopUp: _fields(
        reverses=st.integers(1, 3).map(lambda n: lambda _, ids: ids[-n] if len(ids) >= n else "none"),
        reason=st.just("r"),
        approved_by=IDS,
    ),
    ChargeCredit: _fields(amount=AMOUNTS, item=st.just("i")),
    RecordUsage: _fields(
        service=st.sampled_from(["voice", "voice", "sms", "data"]),
        direction=st.sampled_from(["outgoing", "outgoing", "incoming"]),
        destination=st.sampled_from(["on-net", "off-net", "free"]),
        zone=st.sampled_from(["zone1", "zone2"]),
        used_at=_instant(st.sampled_from([0, 0, 0, -1, -SECOND, -DAY, -2 * DAY, -4 * DAY, -4 * DAY - 1, 1])),
        quantity=st.sampled_from([1, 119, 120, 121, 100_000]),
    ),
    ReserveCredit: _fields(
        reservation=IDS,
        amount=AMOUNTS,
        expires_at=_instant(st.sampled_from([1, SECOND, DAY, 2 * DAY, 9 * DAY, 0])),
        service=st.sampled_from([None, "voice", "data"]),
    ),
    CaptureReservation: _fields(reservation=IDS, amount=st.just(0) | AMOUNTS),
    ReleaseReservation: _fields(reservation=IDS),
    Block: _fields(
        block=IDS,
        scope=st.sampled_from(["outgoing", "all", "voice", "sms", "data"]),
        ground=st.sampled_from(["a", "a", "b", "c", "d"]),
        reference=st.sampled_from([None, "order-1"]),
        since=st.none() | _instant(st.sampled_from([0, 1, -31 * DAY])),
    ),
    Unblock: _fields(block=IDS),
    ReplaceCard: _fields(iccid=st.just("ab" * 32), identity_checked=st.booleans()),
    RequestRightsTransfer: _fields(request=IDS, to_customer=IDS),
    DecideRightsTransfer: _fields(
        request=IDS,
        decision=st.sampled_from(["approved", "refused"]),
        decided_by=IDS,
        reason=st.sampled_from([None, "r"]),
    ),
    TransferCredit: _fields(to_msisdn=st.sampled_from([*NUMBERS, STRANGER]), amount=AMOUNTS),
    AdjustCredit: _fields(
        amount=AMOUNTS | AMOUNTS.map(lambda amount: -amount),
        reason=st.just("r"),
        approved_by=st.sampled_from(["system", "x1", "x1"]),
        effective_at=st.none() | _instant(st.sampled_from([0, -1, -SECOND, -DAY, -9 * DAY, 1])),
    ),
    MigrateTerms: _fields(terms=st.sampled_from(["first", "second", "second", "unheard-of"])),
    ReclaimNumber: _fields(
        customer=IDS,
        terms=TERMS,
        decision=st.sampled_from(["approved", "approved", "refused"]),
        decided_by=IDS,
        fee_paid=st.sampled_from([None, 0, 25_000]),
    ),
    Terminate: _fields(
        ground=st.sampled_from(["a", "b"]), reference=st.sampled_from([None, "order-1"]), since=st.none()
    ),
    AdvanceTime: _fields(),
}
"""Every command that an entry point takes."""

OFTEN: list[type[LineCommand]] = [
    TopUp,
    TopUp,
    RecordUsage,
    RecordUsage,
    TransferCredit,
    ReserveCredit,
    ReverseTopUp,
    Block,
    Activate,
]
SELDOM: list[type[LineCommand]] = [Terminate, ReclaimNumber, IssueStarterPack]


@st.composite
def _step(draw: st.DrawFn) -> tuple[type[LineCommand], str, Make]:
    kind = draw(st.sampled_from([*(k for k in KINDS if k not in SELDOM), *OFTEN, *OFTEN]))
    if draw(st.integers(0, 11)) == 0:
        kind = draw(st.sampled_from(SELDOM))
    number = draw(st.sampled_from([*NUMBERS[:2] * 4, NUMBERS[2]]))
    return kind, number, draw(KINDS[kind])


LEAP = st.sampled_from([0, 0, 0, 1, SECOND, 3600 * SECOND])
MIDNIGHTS = st.tuples(st.sampled_from([0, 1, 1, 1, 2, 5]), st.sampled_from([-1, 0, 1]))
BACK = st.sampled_from([0, 0, 0, 0, SECOND, 5 * SECOND, 6 * SECOND])


def _next_instant(draw: st.DrawFn, now: int, local: Any) -> int:
    if draw(st.integers(0, 2)):
        return now + draw(LEAP)
    days, off = draw(MIDNIGHTS)
    day = day_of_number(day_number(local.day(now)) + days)
    return max(now, int(local.midnight(day)) + off)


@st.composite
def histories(draw: st.DrawFn, *, in_order: bool = False, largest: int = 30) -> History:
    """A history; unless `in_order`, some commands run behind, some come twice, and some ids are used for another."""
    first, second = draw(terms("first")), draw(terms("second"))
    local = draw(st.sampled_from([first.zone, second.zone, zone("Asia/Jakarta")]))
    now, commands, top_ups = BEGIN, list[Command](), list[str]()
    kind: type[LineCommand]
    for number in NUMBERS[: draw(st.sampled_from([1, 2, 2, 3]))]:
        day = day_number(local.day(now)) + 1
        pack = {"terms": draw(TERMS), "printed_credit": 1_000_000, "valid_until": day}
        holder = {"channel": "web", "customer": "x1", "registration": "verified"}
        for kind, fields in ((IssueStarterPack, pack), (Activate, holder)):
            commands.append(kind(at=now, command_id=str(len(commands)), msisdn=number, **fields))
    size = draw(st.integers(largest // 3, largest))
    for kind, number, make in draw(st.lists(_step(), min_size=size, max_size=size)):
        now = _next_instant(draw, now, local)
        if not in_order and draw(st.integers(0, 9)) == 0:
            commands.append(draw(st.sampled_from(commands)))
            continue
        said = make(now, top_ups)
        again = not in_order and draw(st.integers(0, 19)) == 0
        id_ = commands[-1].command_id if again else str(len(commands))
        if kind is TopUp:
            top_ups.append(id_)
        at = now if in_order else now - draw(BACK)
        commands.append(kind(at=at, command_id=id_, msisdn=number, **said))
    return History((first, second), commands)
