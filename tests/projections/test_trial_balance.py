"""The trial balance by day adds up to the trial balance of the moment."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from ledger.domain import money
from tests.often import often
from tests.projections.histories import BEGIN, Step, commands, play, recorded, steps
from tests.projections.projected import database, folded, projected
from tests.projections.test_answers_folded import pairs


@often(10)
@given(steps(), pairs)
def test_days_add_up_to_the_balances_of_the_moment(
    history: list[Step], moments: list[tuple[int, int]]
) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        own = sorted({at for _, x in recorded(log) for at in (x.effective_at, x.recorded_at)})
        near = [(own[t % len(own)], own[k % len(own)]) for t, k in moments]
        with database(Path(folder) / "views.db") as opened:
            stored = projected(opened, log)
            for as_of, known_at in [*moments, *near]:
                if min(as_of, known_at) < BEGIN:
                    continue
                trial = folded(log).trial_balance(as_of=as_of, known_at=known_at).rows
                expected = {(name, unit): amount for name, unit, amount in trial}
                days = stored.days(as_of=as_of, known_at=known_at).rows
                assert sum(d.sales for d in days) == -expected[money.CREDIT_SALES, money.IDR]
                assert sum(d.issued for d in days) == -expected[money.CREDIT_ISSUED, money.PULSA]
                assert sum(d.usage for d in days) == expected[money.USAGE, money.PULSA]
                assert sum(d.breakage for d in days) == expected[money.BREAKAGE, money.PULSA]
                held = sum(expected.get((f"accounts/{p}", "PULSA"), 0) for p in ("credit", "reserved"))
                assert (days[-1].outstanding if days else 0) == held
                transit = expected.get(("accounts/in-transit", "PULSA"), 0)
                assert (days[-1].in_transit if days else 0) == transit
                assert [d.day for d in days] == sorted({d.day for d in days})
