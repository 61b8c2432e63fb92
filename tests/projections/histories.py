"""Random histories: a few numbers on one log, everything that may happen to them, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from ledger.application.ledger import Ledger
from ledger.domain.calendar import DAY, SECOND
from ledger.domain.commands import Command
from ledger.domain.events import Event
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
from ledger.domain.partition.commands import CloseThrough
from ledger.domain.prepaid.commands import (
    Activate,
    AdjustCredit,
    CaptureReservation,
    ChargeCredit,
    IssueStarterPack,
    ReceiveCreditTransfer,
    ReclaimNumber,
    ReleaseReservation,
    ReserveCredit,
    ReverseTopUp,
    TopUp,
    TransferCredit,
)
from tests.failing import failing
from tests.given import (
    BUNDLED,
    SP23,
    START,
    TELKOMSEL,
    XP25,
    at,
    create_log,
    day,
    notifications,
    open_log,
    rupiah,
    variant,
)

NUMBERS = ("6288100000001", "6288100000002", "62881000000010", "6288100000004")
"""The third one begins like the others, which must not confuse anybody."""
BEGIN = at(START)

QUICK = variant(
    SP23,
    "quick",
    zone="Asia/Jayapura",
    starter_pack={"days": 3, "clause": "SP23-05"},
    grace={"days": 2, "clause": "SP23-18"},
    waiting={"days": 4, "minimum": "5000", "clause": "SP23-19"},
    quarantine={"days": 5},
    credit_transfer={"bands": [{"up_to": "100000", "fee": "600", "days": 1}], "sender_keeps": "0"},
)
"""Terms whose periods pass quickly, so that short histories see all of them. Days are those of the east."""
TERMS = ("quick", SP23, XP25, TELKOMSEL)

Step = tuple[int, int, str, int, int]
"""Microseconds later, the number's index, what happens, and two choices."""

_PAUSES = (0, 0, 1, SECOND, 3600 * SECOND, DAY, 3 * DAY, 31 * DAY, 170 * DAY)
_HAPPENINGS = (
    ("issue", "activate") * 2
    + ("top up", "use", "transfer", "charge", "reserve", "advance") * 2
    + ("use late", "adjust", "adjust back", "reverse", "capture", "release", "block", "unblock", "migrate")
    + (
        "terminate",
        "reclaim",
        "replace card",
        "free use",
        "fail to register",
        "ask for rights",
        "give rights",
        "keep rights",
    )
)


def steps(size: int = 30) -> st.SearchStrategy[list[Step]]:
    """What happens, step by step."""
    step = st.tuples(
        st.sampled_from(_PAUSES),
        st.sampled_from((0, 0, 0, 1, 2, 3)),
        st.sampled_from(_HAPPENINGS),
        st.integers(0, 3),
        st.integers(0, 3),
    )
    begun: list[Step] = [(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0), (1, 0, "top up", 2, 0)]
    return st.lists(step, min_size=3, max_size=size).map(lambda some: begun + some)


def commands(history: Iterable[Step], *, since: int = BEGIN, first: int = 0) -> list[Command]:
    """The commands of a history that begins at an instant; their ids count from `first`."""
    found: list[Command] = []
    top_ups: dict[str, list[str]] = {}
    now = since
    for count, (pause, index, what, one, two) in enumerate(history, first):
        now += pause
        id_, msisdn = str(count), NUMBERS[index]
        reverses = top_ups.get(msisdn, ["none"])[-1 - two :][0]
        found.append(_command(id_, now, msisdn, what, one, two, reverses))
        if what == "top up":
            top_ups.setdefault(msisdn, []).append(id_)
    return found


def _command(id_: str, now: int, msisdn: str, what: str, one: int, two: int, reverses: str) -> Command:
    amount = rupiah((1000, 5000, 20_000, 100_000)[one])
    usage: dict[str, Any] = {
        "service": ("voice", "voice", "sms", "data")[one],
        "direction": "outgoing",
        "destination": "off-net",
        "zone": "zone1",
        "quantity": (1, 200, 3, 5_000_000)[two],
    }
    kinds: dict[str, tuple[type[LineCommand], dict[str, Any]]] = {
        "issue": (
            IssueStarterPack,
            {
                "terms": TERMS[one],
                "printed_credit": rupiah(5000 * two),
                "valid_until": day("2040-12-31") if two else _today(now) + 1,
            },
        ),
        "activate": (Activate, {"channel": "web", "customer": f"c{one}", "registration": "verified"}),
        "fail to register": (
            Activate,
            {"channel": "web", "customer": f"c{one}", "registration": "failed"},
        ),
        "ask for rights": (RequestRightsTransfer, {"request": f"q{two}", "to_customer": f"c{one}"}),
        "give rights": (
            DecideRightsTransfer,
            {"request": f"q{two}", "decision": "approved", "decided_by": "s"},
        ),
        "keep rights": (
            DecideRightsTransfer,
            {"request": f"q{two}", "decision": "refused", "decided_by": "s"},
        ),
        "top up": (TopUp, {"credit": amount, "price": amount + 100, "channel": "web"}),
        "reverse": (ReverseTopUp, {"reverses": reverses, "reason": "x", "approved_by": "s"}),
        "charge": (ChargeCredit, {"amount": amount, "item": "package"}),
        "use": (RecordUsage, {**usage, "used_at": now}),
        "use late": (RecordUsage, {**usage, "used_at": now - (1, SECOND, DAY, 4 * DAY)[two]}),
        "free use": (RecordUsage, {**usage, "direction": "incoming", "used_at": now}),
        "reserve": (
            ReserveCredit,
            {
                "reservation": f"r{two}",
                "amount": amount,
                "expires_at": now + (1, DAY, 5 * DAY, 90 * DAY)[(one + two) % 4],
            },
        ),
        "capture": (CaptureReservation, {"reservation": f"r{two}", "amount": rupiah(500)}),
        "release": (ReleaseReservation, {"reservation": f"r{two}"}),
        "block": (
            Block,
            {"block": f"b{two}", "scope": ("all", "outgoing", "voice", "sms")[one], "ground": "b"},
        ),
        "unblock": (Unblock, {"block": f"b{two}"}),
        "migrate": (MigrateTerms, {"terms": TERMS[one]}),
        "transfer": (TransferCredit, {"to_msisdn": NUMBERS[one], "amount": amount}),
        "adjust": (AdjustCredit, {"amount": (amount, -amount)[two % 2], "reason": "x", "approved_by": "s"}),
        "adjust back": (
            AdjustCredit,
            {
                "amount": (amount, -amount)[two % 2],
                "reason": "x",
                "approved_by": "s",
                "effective_at": now - (1, DAY, 4 * DAY, 40 * DAY)[one],
            },
        ),
        "replace card": (ReplaceCard, {"iccid": "ab" * 32, "identity_checked": True}),
        "terminate": (Terminate, {"ground": "b"}),
        "reclaim": (
            ReclaimNumber,
            {
                "customer": f"c{one}",
                "terms": TERMS[two],
                "decision": "approved",
                "decided_by": "s",
                "fee_paid": None,
            },
        ),
        "advance": (AdvanceTime, {}),
    }
    kind, fields = kinds[what]
    return kind(at=now, command_id=id_, msisdn=msisdn, **fields)


def _today(now: int) -> int:
    return now // DAY


def closing(through: int, id_: str) -> Command:
    """What the clock says to close the log."""
    return CloseThrough(at=through, command_id=id_, msisdn="log@0", through=through)


def opened(path: Path) -> Ledger:
    """A ledger on a log of its own, with the terms of the histories."""
    if not path.exists():
        create_log(path)
    return open_log(path, [*BUNDLED.values(), QUICK])


def play(path: Path, played: Sequence[Command], *, size: int = 7) -> None:
    """Writes a history to a log, in batches."""
    ledger = opened(path)
    try:
        for start in range(0, len(played), size):
            ledger.execute(played[start : start + size])
    finally:
        ledger.close()


def recorded(path: Path) -> list[tuple[int, Event]]:
    """Every event of a log with its ordinal, read by the writer's own means."""
    ledger = opened(path)
    try:
        return [(found.id, _decoded(ledger, found)) for found in notifications(ledger)]
    finally:
        ledger.close()


def _decoded(ledger: Ledger, stored: Any) -> Any:
    return ledger.mapper.to_domain_event(stored)


_FULL: list[Step] = [
    (0, 0, "issue", 0, 3),
    (1, 0, "fail to register", 0, 0),
    (1, 0, "activate", 0, 0),
    (1, 1, "issue", 1, 2),
    (1, 1, "activate", 1, 0),
    (1, 2, "issue", 0, 1),
    (1, 3, "issue", 0, 0),
    (SECOND, 0, "top up", 3, 0),
    (SECOND, 1, "top up", 3, 0),
    (SECOND, 1, "use", 0, 1),
    (SECOND, 1, "free use", 0, 1),
    (SECOND, 1, "use late", 0, 1),
    (SECOND, 1, "reserve", 0, 1),
    (SECOND, 1, "capture", 0, 1),
    (SECOND, 1, "reserve", 1, 2),
    (SECOND, 0, "reserve", 2, 2),
    (SECOND, 0, "transfer", 1, 0),
    (SECOND, 0, "transfer", 2, 0),
    (SECOND, 1, "charge", 0, 0),
    (SECOND, 1, "replace card", 0, 0),
    (SECOND, 1, "charge", 3, 0),
    (SECOND, 1, "reverse", 0, 0),
    (SECOND, 1, "adjust back", 0, 0),
    (SECOND, 1, "block", 2, 0),
    (SECOND, 1, "use", 0, 1),
    (SECOND, 1, "unblock", 0, 0),
    (SECOND, 1, "ask for rights", 2, 0),
    (SECOND, 1, "give rights", 0, 0),
    (SECOND, 1, "ask for rights", 3, 1),
    (SECOND, 1, "keep rights", 0, 1),
    (SECOND, 1, "migrate", 2, 0),
    (SECOND, 2, "activate", 0, 0),
    (DAY, 1, "release", 0, 2),
    (7 * DAY, 2, "top up", 3, 0),
    (30 * DAY, 0, "advance", 0, 0),
    (DAY, 1, "terminate", 0, 0),
    (DAY, 1, "reclaim", 1, 1),
    (DAY, 1, "reclaim", 2, 1),
    (200 * DAY, 1, "advance", 0, 0),
    (200 * DAY, 0, "advance", 0, 0),
    (DAY, 0, "issue", 1, 3),
    (DAY, 0, "activate", 0, 0),
    (DAY, 0, "top up", 1, 0),
]
"""A history with every event that there is."""


def a_log(path: Path) -> Path:
    """A log that holds every event there is, closed through its middle; one number's events are many."""
    path.write_bytes(_a_log())
    return path


@cache
def _a_log() -> bytes:
    """Its file, made once by each process: a hundred tests begin with it."""
    with TemporaryDirectory() as folder:
        return play_all(Path(folder) / "log.db").read_bytes()


def play_all(path: Path) -> Path:
    """Plays every event there is, on a log that holds nothing else."""
    played = commands(_FULL)
    middle = len(played) - 10
    often = commands([(1, 0, "use", 2, 0)] * 600, since=played[-1].at + 1, first=1000)
    closed = closing(played[middle].at - 1, "close")
    play(path, [*played[:middle], closed, *played[middle:], *often], size=20)
    lost: list[Step] = [(1, 3, "issue", 0, 3), (1, 3, "activate", 0, 0), (1, 3, "transfer", 0, 0)]
    with failing(lambda asked: isinstance(asked, ReceiveCreditTransfer)):
        play(path, commands(lost, since=often[-1].at, first=2000))
    return path
