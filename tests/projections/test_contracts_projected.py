"""What is owed and held, as the projections tell it, is what the rules make of the log, for every pair of instants."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY
from ledger.domain.commands import Command
from ledger.domain.line.commands import AdvanceTime
from ledger.store.reading import SqliteReader
from projections.asking.questions import Questions
from projections.engine.rebuild import Rebuild
from projections.engine.unanswered import UnknownThen
from projections.registry import PROJECTIONS
from tests.often import often
from tests.projections.contract_histories import BEGIN, NUMBERS, Step, commands, play, steps
from tests.projections.contracts_folded import ContractsFolded
from tests.projections.projected import contents, database, folded, projected

pairs = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=3, max_size=4)


def moments(log: Path, chosen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of instants: of days of the history, and at what happened or right beside it."""
    with SqliteReader(log).snapshot() as read:
        own = sorted({at for one in read.events() for at in (one.event.effective_at, one.event.recorded_at)})
    days = [(BEGIN + t * DAY, BEGIN + k * DAY) for t, k in chosen]
    near = [(own[t % len(own)] + t % 3 - 1, own[k % len(own)] + k % 3 - 1) for t, k in chosen]
    later = [(own[-1] + t % 100 * DAY, own[-1]) for t, _ in chosen[:1]]
    return [(t, k) for t, k in (*days, *near, *later) if min(t, k) >= BEGIN]


def rows_of(question: Any, *about: Any, **then: int) -> list[Any]:
    """The rows of an answer; none where nothing is known then."""
    try:
        return list(question(*about, **then).rows)
    except UnknownThen:
        return []


def everything(ask: Questions, as_of: int, known_at: int) -> dict[str, list[Any]]:
    """All that is asked of contracts."""
    then: Any = {"as_of": as_of, "known_at": known_at}
    each = {"bills": ask.bills, "payments": ask.payments, "deposits": ask.deposits}
    found = {
        name: [row for number in NUMBERS for row in rows_of(question, number, **then)]
        for name, question in each.items()
    }
    found["contracts"] = ask.contracts(**then).rows
    found["customers"] = ask.customers(**then).rows
    found["receivables"] = ask.receivables(**then).rows
    found["receivables of each"] = ask.receivables_of_each(**then).rows
    assert sorted(found["deposits"]) == sorted(ask.deposits(**then).rows)
    return found


def noticed_or_not(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """All but what a customer hears of accounts and debts, which counts from when it was noticed."""
    return found | {"customers": [row._replace(accounts=[], debts=[]) for row in found["customers"]]}


def must_be(ask: Questions, expected: ContractsFolded, as_of: int, known_at: int) -> None:
    """Holds answers against accounts folded by the rules, and each sum against its parts."""
    found = everything(ask, as_of, known_at)
    bills = {row.bill: row for row in found["bills"]}
    said = expected.bills()
    assert {id_: {name: getattr(row, name) for name in said[id_]} for id_, row in bills.items()} == said
    for row in bills.values():
        assert row.total == row.allocated + row.deposit + row.credited + row.written_off + row.open
    payments = {(row.account, row.reference): row for row in found["payments"]}
    for key, payment in expected.payments().items():
        row = payments[key]._asdict()
        row["allocations"] = {part["bill"]: part["amount"] for part in row["allocations"]}
        assert {name: row[name] for name in payment} == payment
    for row in payments.values():
        met = row.allocated + row.advance + row.refunded + row.reversed
        assert met == (0 if row.state in {"pending", "failed"} else row.amount)
        assert row.allocated == sum(part["amount"] for part in row.allocations)
    held = {row.account: (row.held, row.refundable_until, row.legal_hold) for row in found["deposits"]}
    assert held == {
        id_: (account.deposit, account.refund_until, account.legal_hold)
        for id_, account in expected.accounts.items()
        if id_ in held
    }
    assert not any(account.deposit for id_, account in expected.accounts.items() if id_ not in held)
    owed = {account: tuple(sums) for account, *sums in found["receivables of each"]}
    assert owed == expected.owed()
    assert found["receivables"] == [tuple(map(sum, zip((0,) * 8, *owed.values(), strict=True)))]
    assert not any(ask.trial_balance(as_of=as_of, known_at=known_at).totals.values())
    for row in found["customers"]:
        alone = ask.customers(row.customer, as_of=as_of, known_at=known_at).rows
        assert alone == [row]
        of_accounts = [expected.owed().get(account, (0,) * 8) for account in row.accounts]
        assert (row.unbilled, row.billed, row.overdue) == tuple(
            sum(one[n] for one in of_accounts) for n in (0, 1, 3)
        )
        assert {expected.accounts[account].holder for account in row.accounts} <= {row.customer}
    states = {row.account: (row.state, row.plan, row.contract_until) for row in found["contracts"]}
    assert states == {
        id_: (account.state, account.plan, account.contract_until)
        for id_, account in expected.accounts.items()
    }


@often(10)
@given(steps(), pairs)
def test_answers_are_what_the_rules_make_of_the_log(
    history: list[Step], chosen: list[tuple[int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        reference = folded(log)
        with database(Path(folder) / "views.db") as opened:
            ask = projected(opened, log, size=50)
            for as_of, known_at in moments(log, chosen):
                expected = ContractsFolded(reference, NUMBERS, as_of, known_at)
                must_be(ask, expected, as_of, known_at)
                then: Any = {"as_of": as_of, "known_at": known_at}
                assert ask.states(**then).to_json() == reference.states(**then).to_json()


@often(4)
@given(steps())
def test_what_is_rebuilt_is_equal_to_the_last_cell_and_a_clock_that_ticked_changes_nothing(
    history: list[Step],
) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        played = commands(history)
        play(log, played)
        until = played[-1].at + 50 * DAY
        with database(Path(folder) / "views.db") as opened:
            ask = projected(opened, log, size=9)
            checked = {one.table: one for one in Rebuild(opened, [SqliteReader(log)], PROJECTIONS).check()}
            assert all(one.equal for one in checked.values())
            assert checked["bills_facts"].rows
            before = contents(opened)
            Rebuild(opened, [SqliteReader(log)], PROJECTIONS).swap()
            assert contents(opened) == before
            told = noticed_or_not(everything(ask, until, until))
            ticks: list[Command] = [AdvanceTime(at=until, command_id="tick", msisdn=n) for n in NUMBERS]
            play(log, ticks)
            assert noticed_or_not(everything(projected(opened, log), until, until)) == told


def test_both_databases_hold_the_same_rows_and_tell_the_same(tmp_path: Path, postgres_url: str) -> None:
    history: list[Step] = [(0, n, "open", n, 1) for n in range(2)]
    history += [(DAY, n, "deposit", 3, 0) for n in range(2)]
    history += [(20 * DAY, 0, "cash", 0, 1), (DAY, 0, "credit note", 0, 0), (30 * DAY, 0, "reverse", 0, 0)]
    history += [(DAY, 0, "write off", 0, 0), (DAY, 1, "terminate", 0, 0), (DAY, 1, "ask refund", 0, 0)]
    history += [(DAY, 1, "confirm", 0, 0), (DAY, 1, "pay refund", 0, 0), (DAY, 0, "receive", 0, 0)]
    played = commands(history)
    codes = play(tmp_path / "log.db", played)
    assert set(codes.values()) == {"accepted"}, codes
    with database(tmp_path / "views.db") as embedded, database(postgres_url) as served:
        one = projected(embedded, tmp_path / "log.db", size=5)
        other = projected(served, tmp_path / "log.db")
        assert contents(embedded) == contents(served)
        last = played[-1].at
        for as_of, known_at in ((last, last), (last - 33 * DAY, last), (last + 90 * DAY, last - 3 * DAY)):
            assert everything(one, as_of, known_at) == everything(other, as_of, known_at)
