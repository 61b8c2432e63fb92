"""Days are those of the terms' zone, also where a log has terms of several, or those of the zone that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.calendar import DAY, zone
from ledger.domain.ids import is_operators
from ledger.domain.prepaid.commands import TopUp
from ledger.store.reading import SqliteReader
from ledger.terms import load
from projections.asking.questions import Questions
from projections.engine.runner import Runner
from projections.engine.unanswered import SeveralZones
from projections.money.ledger_accounts import class_of
from projections.registry import PROJECTIONS
from tests.given import NUMBER, OTHER, Story, at, rupiah
from tests.often import often
from tests.projections.histories import BEGIN, Step, commands, play, recorded, steps
from tests.projections.projected import asked, database, folded, of_database, projected

JAYAPURA = load(Path(__file__).parents[1] / "terms" / "jayapura.toml")
ZONES = ("Asia/Jakarta", "Asia/Jayapura", "UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
WEST, EAST = at("2024-10-10T00:00:00+07:00"), at("2024-10-10T00:00:00+09:00")
"""Where 10 October begins in Jakarta, and in Jayapura."""


@pytest.fixture(scope="module")
def two_zones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A number in Jakarta's days and one in Jayapura's, each topped up around each of their midnights."""
    story = Story(tmp_path_factory.mktemp("zones"), JAYAPURA)
    story.given_active(since=EAST - 20 * DAY)
    story.given_active(since=EAST - 20 * DAY, terms="jayapura", number=OTHER)
    for midnight in (EAST, WEST):
        for microseconds, sen in ((-1, 1), (0, 10), (1, 100)):
            for msisdn in (NUMBER, OTHER):
                story.given(TopUp, midnight + microseconds, msisdn=msisdn, credit=rupiah(20_000), price=sen)
    story.close()
    return story.path


@contextmanager
def in_zone(log: Path, name: str | None) -> Iterator[Questions]:
    """The questions to a log, in the days of a zone, or of the terms."""
    with asked(log) as ask:
        ask.zone = None if name is None else zone(name)
        yield ask


def sales(ask: Questions) -> dict[str, int]:
    return {day.day: day.sales for day in ask.days(as_of=WEST + 30 * DAY).rows if day.sales}


def test_a_days_movements_are_those_of_the_days_of_each_accounts_terms(two_zones: Path) -> None:
    with in_zone(two_zones, None) as ask:
        rows = ask.days(as_of=WEST + 30 * DAY).rows
        assert sales(ask) == {"2024-10-09": 111 + 1 + 1, "2024-10-10": 110 + 111 + 110}
        assert {row.zone for row in rows} == {"Asia/Jakarta, Asia/Jayapura"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Asia/Jakarta", {"2024-10-09": 2 * 111 + 2, "2024-10-10": 2 * 110}),
        ("Asia/Jayapura", {"2024-10-09": 2, "2024-10-10": 2 * 110 + 2 * 111}),
        ("UTC", {"2024-10-09": 4 * 111}),
    ],
)
def test_all_movements_are_told_in_the_days_of_the_zone_that_is_asked_for(
    two_zones: Path, name: str, expected: dict[str, int]
) -> None:
    with in_zone(two_zones, name) as ask:
        assert sales(ask) == expected
        assert {row.zone for row in ask.days().rows} == {name}


def test_a_day_means_its_last_microsecond_where_the_account_is(two_zones: Path) -> None:
    day = date(2024, 10, 9)
    with in_zone(two_zones, None) as ask:
        for number, midnight in ((NUMBER, WEST), (OTHER, EAST)):
            for question in (ask.enquiry, ask.usage, ask.timeline, ask.number):
                assert question(number, as_of=day) == question(number, as_of=midnight - 1)
            for name in (f"{number}#1/credit", f"{number}#1/in-transit"):
                assert ask.balance(name, as_of=day) == ask.balance(name, as_of=midnight - 1)
                assert ask.movements(name, as_of=day) == ask.movements(name, as_of=midnight - 1)
            found = list(ask.history(number, as_of=day, known_at=day))
            assert found == list(ask.history(number, as_of=midnight - 1, known_at=midnight - 1))
            assert ask.enquiry(number, as_of=day).as_of == midnight - 1


def test_whoever_asks_about_all_of_several_zones_names_one(two_zones: Path) -> None:
    day = date(2024, 10, 9)
    with in_zone(two_zones, None) as ask:
        for question in (ask.states, ask.trial_balance, ask.days, ask.transit, ask.blocks):
            with pytest.raises(SeveralZones, match="Asia/Jakarta, Asia/Jayapura"):
                question(as_of=day)
        with pytest.raises(SeveralZones):
            list(ask.enquiries(as_of=day))
    with in_zone(two_zones, "Asia/Jayapura") as ask:
        assert ask.trial_balance(as_of=day) == ask.trial_balance(as_of=EAST - 1)
        assert ask.enquiry(NUMBER, as_of=day) == ask.enquiry(NUMBER, as_of=EAST - 1)


def test_a_database_in_service_has_the_same_days(two_zones: Path, tmp_path: Path) -> None:
    with in_zone(two_zones, None) as ask, database(tmp_path / "views.db") as opened:
        stored = projected(opened, two_zones, size=3)
        assert stored.days() == ask.days()
        assert stored.enquiry(OTHER, as_of=date(2024, 10, 9)) == ask.enquiry(OTHER, as_of=EAST - 1)


def _by_day(log: Path, as_of: int, known_at: int, name: str | None) -> Counter[tuple[str, str]]:
    """The turnover of each (day, ledger account), event by event, by the standard library's own calendar."""
    found: Counter[tuple[str, str]] = Counter()
    oracle = folded(log)
    for event in oracle.events_then(as_of, known_at):
        info = ZoneInfo(name or ("Asia/Jayapura" if event.terms == "quick" else "Asia/Jakarta"))
        day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.effective_at)).astimezone(info)
        for posting in event.postings:
            account = posting["account"]
            shown = account if is_operators(account) else class_of(account)
            found[day.date().isoformat(), shown] += posting["amount"]
    return found


@often(15)
@given(steps(), st.tuples(st.integers(0, 400), st.integers(0, 400)), st.sampled_from(ZONES))
def test_every_day_holds_what_happened_on_it_whoever_asks(
    history: list[Step], moment: tuple[int, int], name: str
) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.db"
        play(log, commands(history))
        own = sorted({x for _, event in recorded(log) for x in (event.effective_at, event.recorded_at)})
        as_of, known_at = max(BEGIN, own[moment[0] % len(own)]), max(BEGIN, own[moment[1] % len(own)])
        with database(Path(folder) / "views.db") as opened:
            Runner(opened, [SqliteReader(log)], PROJECTIONS).catch_up()
            for asked_for in (None, name):
                ask = of_database(opened, log)
                ask.zone = None if asked_for is None else zone(asked_for)
                days = ask.days(as_of=as_of, known_at=known_at).rows
                expected = _by_day(log, as_of, known_at, asked_for)
                for row in days:
                    assert row.sales == -expected[row.day, "operator/credit-sales"]
                    assert row.breakage == expected[row.day, "operator/breakage"]
                    assert row.usage == expected[row.day, "operator/usage"]
                assert [row.day for row in days] == sorted({day for day, _ in expected})
