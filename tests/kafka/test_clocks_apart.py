"""A clock whose machine is an hour ahead of the broker's, or an hour behind it, on a live log.

What a command is dated by is the broker's clock alone; whoever closes has one of his own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.application.ledger import CLOCK_TOLERANCE
from ledger.application.outcomes import Outcome
from ledger.domain.calendar import SECOND
from ledger.domain.line.commands import LineCommand
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, ReserveCredit, TopUp
from ledger.entrypoints.clock import ClockRefused
from ledger.entrypoints.kafka.kafka_clock import KafkaClock, kafka_clock
from ledger.store.kafka.client import KafkaClient
from ledger.store.kafka.connection import KafkaSettings
from ledger.wiring.composition import Opened, opened
from ledger.wiring.on_kafka import verified
from ledger.wiring.settings import Settings
from projections.prepaid.enquiry import Enquiry
from tests.given import NUMBER, OTHER, SP23, day
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, writing
from tests.kafka.seen import committed, seen
from tests.waiting import PATIENCE

HOUR = 3600 * SECOND
RUPIAH = 100


def now() -> int:
    return time.time_ns() // 1000


class There:
    """A live log with two numbers in it, who asks, and the clock that is to close it."""

    def __init__(self, log: KafkaSettings, asking: Opened, client: KafkaClient, clock: KafkaClock) -> None:
        self.log = log
        self._asking = asking
        self.clock = clock
        self._client = client
        self._count = 0

    def ask(self, kind: type[LineCommand], number: str = NUMBER, **fields: Any) -> Outcome:
        """The outcome of one command."""
        self._count += 1
        (outcome,) = self._client.execute([kind(at=0, command_id=str(self._count), msisdn=number, **fields)])
        return outcome

    def top_up(self, number: str = NUMBER) -> Outcome:
        return self.ask(TopUp, number, credit=5000 * RUPIAH, price=0, channel="web")

    def types(self) -> list[str]:
        """The types of all events."""
        return [dict(record.headers)["ce_type"].decode() for record in committed(self.log, self.log.events)]

    def credit(self, our_now: int, known_at: int | None = None) -> tuple[int, bool]:
        """A number's credit as one who has that time would hear it, and whether that is final."""
        answer = self._asking.questions(lambda: our_now).enquiry(NUMBER, as_of=known_at, known_at=known_at)
        assert isinstance(answer, Enquiry)
        return answer.credit, answer.final


@pytest.fixture
def there(new_log: NewLog, tmp_path: Path) -> Iterator[There]:
    with _there(new_log(partitions=2, clock="live"), tmp_path) as found:
        yield found


@contextmanager
def _there(log: KafkaSettings, folder: Path) -> Iterator[There]:
    settings = Settings(
        kafka=log.bootstrap,
        registry=log.registry,
        kafka_prefix=log.prefix,
        mirrors=folder / "asking",
        timeout=PATIENCE,
    )
    with (
        writing(log),
        kafka_clock(settings) as clock,
        opened(settings) as asking,
        connected(log) as client,
    ):
        found = There(log, asking, client, clock)
        for number in (NUMBER, OTHER):
            pack = {"terms": SP23, "printed_credit": 0, "valid_until": day("2190-12-31")}
            person = {"channel": "web", "customer": "customer-1", "registration": "verified"}
            assert found.ask(IssueStarterPack, number, **pack).status == "accepted"
            assert found.ask(Activate, number, **person).status == "accepted"
            assert found.top_up(number).status == "accepted"
        yield found
        seen(log)
        report = verified(settings)
        assert report.clean, report.findings


def test_a_clock_an_hour_ahead_closes_nothing_and_stops_nobody(there: There) -> None:
    with pytest.raises(ClockRefused, match="in the future"):
        there.clock.tick(now() + HOUR)
    assert [there.top_up(number).code for number in (NUMBER, OTHER)] == [None, None]
    assert "ledger.log.ClosedThrough" not in there.types()
    assert there.credit(now() + HOUR) == (10_000 * RUPIAH, False)
    there.clock.tick(now(), asked=True)
    assert [there.top_up(number).code for number in (NUMBER, OTHER)] == [None, None]


def test_a_clock_an_hour_ahead_does_not_fill_the_journal(there: There) -> None:
    """What falls due within that hour is not due yet: asking for it once is enough to know that."""
    for index in range(20):
        held: dict[str, Any] = {"reservation": f"r{index}", "amount": RUPIAH, "expires_at": now() + HOUR // 2}
        assert there.ask(ReserveCredit, **held).code is None
    before = sum(1 for _ in committed(there.log, there.log.policies))
    for _ in range(3):
        with pytest.raises(ClockRefused, match="ahead of it"):
            there.clock.tick(now() + HOUR)
    assert sum(1 for _ in committed(there.log, there.log.policies)) == before + 3
    assert "ledger.prepaid.ReservationReleased" not in there.types()
    assert there.top_up().code is None


def test_a_clock_an_hour_behind_closes_late_and_what_is_final_stays_so(there: There) -> None:
    ticks = there.clock.tick(now() - HOUR, asked=True)
    assert {tick.closed_through < now() - HOUR for tick in ticks} == {True}
    asked = now()
    assert there.credit(asked, asked) == (5000 * RUPIAH, False)
    assert [there.top_up(number).code for number in (NUMBER, OTHER)] == [None, None]
    in_time = there.clock.tick(now() + CLOCK_TOLERANCE, asked=True)
    closed = min(tick.closed_through for tick in in_time)
    then = there.credit(now(), closed)
    assert then[1] is True
    assert there.top_up().code is None
    assert there.credit(now(), closed) == then
