"""One history under the postpaid terms of 2023 and of 2025: other where these are said to differ, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.audit.replaying import replay
from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime, Block, RecordUsage, ReplaceCard, Terminate, Unblock
from ledger.domain.postpaid.commands import (
    ApplyDeposit,
    ChangePackage,
    ChargeCollectionCost,
    IssueCreditNote,
    OpenContract,
    ReceiveDeposit,
    ReceivePayment,
    RecordRoaming,
    RequestHardCopy,
    ReversePayment,
    SetAutoDebit,
    UpdateService,
)
from ledger.domain.postpaid.terms import PostpaidTerms
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import said_by
from ledger.store.reading import SqliteReader
from tests.given import BUNDLED, CONTRACTS, SE23, XE25, Story, at, day, rupiah

BEGIN = at("2023-03-10T10:00:00+07:00")
ABROAD, LOST, HELD, DOUBTED, ON_PAPER, MOVED, CHANGING, DEBITED, OTHER = (
    f"62881123450{n:02}" for n in range(9)
)
NOWHERE = frozenset({"id", "title", "document", "in_force_from", "source"})
"""What names terms, and is no rule."""


class Differing(NamedTuple):
    """What the two documents say differently: the values, and on which day of the history that shows, on whom."""

    paths: tuple[str, ...]
    day: int
    number: str
    later: tuple[str, ...] = ()
    """On whom it shows later."""


DIFFERING: Mapping[str, Differing] = {
    "the window of roaming": Differing(("roaming.window_months",), 140, ABROAD),
    "partners' data": Differing(("roaming.partner_data",), 1, ABROAD, (LOST,)),
    "failed calls": Differing(("roaming.tariffs",), 2, ABROAD),
    "the deposit's consent": Differing(("deposit.apply",), 24, HELD),
    "what the deposit covers": Differing(("deposit.covers",), 24, HELD),
    "lost cards": Differing(("lost_card.use",), 7, LOST),
    "probation's end": Differing(("probation.end",), 40, DOUBTED),
    "paper": Differing(("billing.hard_copy",), 3, ON_PAPER),
    "moves by the operator": Differing(("service_update.by_operator",), 5, MOVED),
    "channels of a change of plan": Differing(("package_change.channels",), 6, CHANGING),
    "the request to debit": Differing(("auto_debit.request",), 30, DEBITED),
}


def history() -> Iterator[tuple[int, type[Command], str, dict[str, Any]]]:
    """The day, and what happens then to whom."""
    for number in (ABROAD, LOST, CHANGING):
        yield 0, OpenContract, number, {"plan": "elite-free", "customer": number}
    for number in (HELD, ON_PAPER, DEBITED, OTHER):
        yield 0, OpenContract, number, {"customer": number}
    yield 0, OpenContract, MOVED, {"plan": "elite-200", "customer": MOVED}
    yield (
        0,
        OpenContract,
        DOUBTED,
        {"customer": DOUBTED, "registration": "pending", "upfront_payment": 9_000_000, "reference": "u"},
    )
    yield 1, ReceiveDeposit, HELD, {"amount": rupiah(400_000)}
    yield 1, SetAutoDebit, DEBITED, {"effective_on": day("2023-03-11")}
    yield 1, RecordRoaming, ABROAD, {"record": "x1"}
    yield 2, RecordRoaming, ABROAD, {"record": "x2", "quantity": 0, "answered": False}
    yield 3, RequestHardCopy, ON_PAPER, {}
    yield 4, ReceivePayment, ABROAD, {"reference": "p", "amount": rupiah(90_000), "method": "cash"}
    yield 5, Block, LOST, {"ground": "lost-or-stolen"}
    yield 5, UpdateService, MOVED, {"plan": "elite-100"}
    yield 6, ChangePackage, CHANGING, {"plan": "elite-100", "channel": "app"}
    yield 7, RecordRoaming, LOST, {"record": "x1", "used_at": BEGIN + 6 * DAY}
    yield 23, RecordUsage, HELD, {"quantity": 600}
    yield 24, ApplyDeposit, HELD, {}
    yield 30, AdvanceTime, DEBITED, {}
    yield 40, AdvanceTime, DOUBTED, {}
    yield 140, RecordRoaming, ABROAD, {"record": "x3", "used_at": BEGIN + 3 * DAY}
    yield from of_other()


def of_other() -> Iterator[tuple[int, type[Command], str, dict[str, Any]]]:
    """What both documents say alike: use, bills, fines, steps, payments, notes, blocks, and the end."""
    bill = f"{OTHER}-1-B0001"
    staff = {"approved_by": "staff-2", "actor": "staff-1"}
    lines = [{"kind": "commitment", "amount": rupiah(5000), "text": "twice"}]
    yield 2, RecordUsage, OTHER, {"quantity": 500}
    yield 8, Block, OTHER, {"block": "b", "ground": "1"}
    yield 9, Unblock, OTHER, {"block": "b"}
    yield 10, ReplaceCard, OTHER, {}
    yield 25, ReceivePayment, OTHER, {"reference": "p1", "amount": rupiah(30_000), "method": "cash"}
    yield 26, ReversePayment, OTHER, {"reference": "p1", **staff}
    yield 27, IssueCreditNote, OTHER, {"bill": bill, "lines": lines, **staff}
    yield 50, ChargeCollectionCost, OTHER, {"amount": rupiah(7000), **staff}
    yield 80, ReceivePayment, OTHER, {"reference": "p2", "amount": rupiah(60_000), "method": "cash"}
    yield 100, Terminate, OTHER, {"ground": "1"}
    yield 101, ReceivePayment, OTHER, {"reference": "p3", "amount": rupiah(900_000), "method": "cash"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history under the terms of 2023."""
    story = Story(tmp_path_factory.mktemp("replayed"))
    for when, command, number, fields in sorted(history(), key=lambda one: one[0]):
        story.when(
            command, BEGIN + when * DAY, msisdn=number, command_id=f"{when}-{command.__name__}", **fields
        )
    story.close()
    return story.path


def values(id_: str) -> dict[str, Any]:
    return json_of(CONTRACTS[id_])


def with_other(*paths: str) -> PostpaidTerms:
    """The terms of 2023 in which some values are those of 2025; they cite what they did."""
    mine, others = values(SE23), values(XE25)
    for path in paths:
        section, _, key = path.partition(".")
        mine[section][key] = _citing(others[section][key], mine[section][key])
    return said_by(PostpaidTerms, mine)


def _citing(value: Any, before: Any) -> Any:
    """A value that cites the clauses that another does."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_citing(*pair) for pair in zip(value, before, strict=True)]
    return value | {"clause": before["clause"]} if isinstance(value, dict) and "clause" in before else value


def unlike(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """The paths of the rules that differ, as far as a section and its key."""
    if isinstance(one, dict) and isinstance(other, dict) and path.count(".") == 0:
        for key in one.keys() | other.keys():
            if key not in NOWHERE and key != "clause":
                yield from unlike(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif _uncited(one) != _uncited(other):
        yield path


def _uncited(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _uncited(one) for key, one in value.items() if key != "clause" and key not in NOWHERE}
    return [_uncited(one) for one in value] if isinstance(value, list) else value


def test_the_documents_differ_in_what_is_listed_and_in_nothing_else() -> None:
    mine, others = values(SE23), values(XE25)
    for one in (mine, others):
        one["clauses"] = {}
    assert set(unlike(mine, others)) == {path for one in DIFFERING.values() for path in one.paths}


@pytest.mark.parametrize("what", DIFFERING)
def test_each_difference_shows_at_its_instant_and_not_before_it_on_whom_it_concerns(
    log: Path, what: str
) -> None:
    one = DIFFERING[what]
    other, when = with_other(*one.paths), BEGIN + one.day * DAY
    known = [*BUNDLED.values(), *CONTRACTS.values()]
    assert replay([SqliteReader(log)], known, terms=[other], until=when).empty
    found = replay([SqliteReader(log)], known, terms=[other], until=when + 1)
    assert not found.empty
    assert found.others == [one.number]
    assert replay([SqliteReader(log)], known, terms=[other]).others == [one.number, *one.later]


def test_all_of_them_together_leave_the_rest_of_the_history_as_it_was(log: Path) -> None:
    other = with_other(*(path for one in DIFFERING.values() for path in one.paths))
    found = replay([SqliteReader(log)], [*BUNDLED.values(), *CONTRACTS.values()], terms=[other])
    assert found.others == sorted({one.number for one in DIFFERING.values()})
    assert OTHER not in found.others
    assert {codes: one.commands for codes, one in found.answered.items()} == {
        ("accepted", "not-eligible"): 2,
        ("accepted", "blocked"): 1,
        ("accepted", "consent-required"): 1,
        ("not-eligible", "accepted"): 2,
        ("too-late", "not-eligible"): 1,
    }
