"""A log of each released format: read, verified, decided again and continued; and made anew, the same to the byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.commands import Command
from ledger.domain.ids import log_of
from ledger.domain.line.commands import AdvanceTime, RecordUsage
from ledger.domain.prepaid.commands import Activate, IssueStarterPack, TopUp
from ledger.store.layout import FORMAT
from ledger.store.reading import SqliteReader
from tests.given import BUNDLED, NUMBER, OTHER, THIRD, XP25, at, day, ledger_on, rupiah
from tests.golden.playing import (
    MOMENTS,
    PRINCIPAL,
    TABLES,
    closing_through,
    commands,
    figures,
    kept_figures,
    kept_log,
    play,
    rows,
)

KNOWN = list(BUNDLED.values())
FRESH = "6288199999998"


@pytest.fixture(params=range(1, FORMAT + 1), ids="format-{}".format)
def number(request: pytest.FixtureRequest) -> int:
    """A format that was released."""
    found: int = request.param
    return found


@pytest.fixture
def log(number: int, tmp_path: Path) -> Path:
    """A copy of its golden log."""
    return kept_log(number, tmp_path)


def kept_of(kept: Any, found: Any) -> Any:
    """What was found, without the fields that the kept figures do not name: answers may tell more today."""
    if isinstance(kept, dict):
        return {name: kept_of(value, found[name]) for name, value in kept.items()}
    if isinstance(kept, list):
        assert len(kept) == len(found)
        return [kept_of(*pair) for pair in zip(kept, found, strict=True)]
    return found


def test_it_is_read_and_verified_with_the_figures_of_the_release_that_made_it(number: int, log: Path) -> None:
    kept, before = kept_figures(number), log.read_bytes()
    wanted = {name: kept[name] for name in ("rows", "seal", "moments")}
    assert [moment["as_of"] for moment in wanted["moments"]] == list(MOMENTS)
    assert kept_of(wanted, figures(log)) == wanted
    assert log.read_bytes() == before


def test_every_command_is_decided_again_as_it_was(number: int, log: Path) -> None:
    found = replay([SqliteReader(log)], KNOWN)
    assert found.empty
    assert found.commands == kept_figures(number)["rows"]["journal"]["rows"]


def test_it_is_continued(number: int, log: Path) -> None:
    before = {table: rows(log, table) for table in TABLES}
    with ledger_on(log) as ledger:
        outcomes = ledger.execute(more(), principal=PRINCIPAL)
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [
        ("repeated", None),
        ("refused", "idempotency-conflict"),
        *[("accepted", None)] * 7,
        ("refused", "terminated"),
        ("accepted", None),
    ]
    for table, kept in before.items():
        found = rows(log, table)
        assert [row[: len(old)] for row, old in zip(found, kept, strict=False)] == kept
        assert len(found) > len(kept)
    report = verify(log)
    assert report.findings == []
    assert report.events == len(rows(log, "stored_events"))
    assert replay([SqliteReader(log)], KNOWN).empty


def more() -> list[Command]:
    """A repeat of what the log has, what it refuses, and what goes on with its numbers, and with a new one."""
    start = at("2026-07-01T10:00:00+07:00")
    had = next(command for command in commands() if command.command_id == "top-a1")
    assert isinstance(had, TopUp)
    every: dict[str, Any] = {"at": start, "actor": "staff-1"}
    return [
        had,
        msgspec.structs.replace(had, credit=1),
        AdvanceTime(**every, command_id="more-1", msisdn=NUMBER),
        IssueStarterPack(
            **every,
            command_id="more-2",
            msisdn=OTHER,
            terms=XP25,
            printed_credit=rupiah(9000),
            valid_until=day("2026-12-31"),
        ),
        Activate(
            **every,
            command_id="more-3",
            msisdn=OTHER,
            channel="web",
            customer="customer-7",
            registration="verified",
        ),
        IssueStarterPack(
            **every,
            command_id="more-4",
            msisdn=FRESH,
            terms=XP25,
            printed_credit=rupiah(9000),
            valid_until=day("2026-12-31"),
        ),
        Activate(
            **every,
            command_id="more-5",
            msisdn=FRESH,
            channel="web",
            customer="customer-8",
            registration="verified",
        ),
        TopUp(
            **every,
            command_id="more-6",
            msisdn=FRESH,
            credit=rupiah(50_000),
            price=rupiah(51_000),
            channel="web",
        ),
        RecordUsage(
            **every,
            command_id="more-7",
            msisdn=FRESH,
            service="voice",
            direction="outgoing",
            destination="off-net",
            zone="zone1",
            used_at=start,
            quantity=200,
        ),
        TopUp(
            **every,
            command_id="more-8",
            msisdn=THIRD,
            credit=rupiah(50_000),
            price=rupiah(51_000),
            channel="web",
        ),
        closing_through("2026-07-31T23:59:59+07:00"),
    ]


def test_the_same_commands_make_the_golden_log_of_this_format_to_the_byte(tmp_path: Path) -> None:
    golden, anew = kept_log(FORMAT, tmp_path), tmp_path / "anew.db"
    assert play(anew) == kept_figures(FORMAT)["outcomes"]
    for table in TABLES:
        assert rows(anew, table) == rows(golden, table)


def test_the_same_commands_make_what_format_1_held(tmp_path: Path) -> None:
    golden, anew = kept_log(1, tmp_path), tmp_path / "anew.db"
    assert play(anew, principal=None) == kept_figures(1)["outcomes"]
    assert [row[:13] for row in rows(anew, "journal")] == rows(golden, "journal")
    assert [row[:3] for row in rows(anew, "seals")] == [row[:3] for row in rows(golden, "seals")]
    # What the log says of itself has two fields more since; everything else is the same to the byte.
    for now, was in zip(rows(anew, "stored_events"), rows(golden, "stored_events"), strict=True):
        assert now[:4] == was[:4]
        assert now[4:] == was[4:] or now[1] == log_of(0)
