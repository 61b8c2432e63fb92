"""What people see in a terminal: a timeline that fits it, tables that keep their values whole, and plain ASCII."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.domain.calendar import parse_instant, zone
from ledger.domain.money import parse_amount
from ledger.entrypoints.cli.local_times import told_at
from ledger.entrypoints.cli.output import in_words
from ledger.entrypoints.cli.tabulating import say_table
from ledger.figures import rupiah
from tests.entrypoints.pulsa import NUMBER, SP23, START, Pulsa, activate, issue, top_up, use

NOW = ("--now", "2023-07-04T00:00:00+07:00")
LATER = ("--as-of", "2030-01-20T13:00:00.123456+07:00", *NOW)
LEGEND = "█ recorded   ░ fell due, not yet recorded"
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(pulsa: Pulsa) -> Pulsa:
    """An account that was topped up and called, and whose life goes on by itself; all of it projected."""
    pulsa.active()
    pulsa.done("ingest", pulsa.file("feed.jsonl", top_up(), use()))
    pulsa.done("projections", "run", "--once")
    return pulsa


def process(pulsa: Pulsa, **own: str) -> dict[str, str]:
    """The environment of a process that asks the same log, without the width of the terminal of the tests."""
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return ours | {name: value for name, value in pulsa.environment.items() if value is not None} | own


def seen(pulsa: Pulsa, *question: str, columns: int) -> list[str]:
    """The lines that a person sees in a terminal of so many columns, were nothing wrapped."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (25, columns))
    with subprocess.Popen(
        [sys.executable, "-m", "ledger.entrypoints.cli", *question],
        cwd=_ROOT,
        env=process(pulsa, TERM="xterm", PYTHONIOENCODING="utf-8"),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ):
        os.close(inner)
        said = b"".join(iter(lambda: _read(outer), b""))
    os.close(outer)
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that nobody has it open any more
        return b""


@pytest.mark.parametrize("columns", [60, 80, 96, 120, 200])
@pytest.mark.parametrize("then", [NOW, LATER], ids=["now", "later"])
def test_a_timeline_is_as_wide_as_the_terminal(told: Pulsa, columns: int, then: tuple[str, ...]) -> None:
    lines = told.done("number", "timeline", NUMBER, *then, COLUMNS=str(columns)).splitlines()
    assert max(map(len, lines)) <= columns
    assert LEGEND in lines
    assert lines[0].split() == [
        f"{NUMBER}#1",
        "2023-07-03",
        *(["2030-01-20"] if then is LATER else ["2023-07-04"]),
    ]
    said = "\n".join(lines)
    for state in told.json("number", "timeline", NUMBER, *then):
        since = told_at(parse_instant(state["since"]), zone("Asia/Jakarta"))
        assert f"{since} {state['state']} " in said
        assert f"{in_words(state['cause'])} ({state['clause']})" in said
    assert ("░░" in said) == (then is LATER)


def test_a_bar_lasts_as_long_as_its_state(told: Pulsa) -> None:
    first, *lines = told.done("number", "timeline", NUMBER, *LATER, COLUMNS="150").splitlines()
    begins, ends = first.index("2023-07-03"), len(first)
    bars = [line[begins:ends].rstrip() for line in lines[: lines.index(LEGEND)]]
    assert len(bars[-1]) == ends - begins
    assert all(len(before.rstrip("░█")) <= len(after.rstrip("░█")) for before, after in pairwise(bars))
    assert {bar.strip()[0] for bar in bars[:2]} == {"█"}
    assert {bar.strip()[0] for bar in bars[2:]} == {"░"}


def test_a_timeline_below_its_least_width_is_drawn_at_that(told: Pulsa) -> None:
    least, less = (
        told.done("number", "timeline", NUMBER, *LATER, COLUMNS=columns).partition(LEGEND)[0]
        for columns in ("60", "20")
    )
    assert less == least


def test_in_a_terminal_of_80_columns_a_timeline_is_not_wrapped(told: Pulsa) -> None:
    lines = seen(told, "number", "timeline", NUMBER, *LATER, columns=80)
    assert LEGEND in lines
    assert 70 < max(map(len, lines)) <= 80


def test_a_timeline_is_drawn_in_ascii_where_there_is_nothing_else(told: Pulsa) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ledger.entrypoints.cli", "number", "timeline", NUMBER, *LATER],
        cwd=_ROOT,
        env=process(told, PYTHONIOENCODING="ascii", COLUMNS="80"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    drawn = told.done("number", "timeline", NUMBER, *LATER, COLUMNS="80")
    assert done.stdout.decode("ascii") == drawn.replace("█", "#").replace("░", ".")


def local(instant: str) -> str:
    """An instant by the clock of Jakarta."""
    return (datetime.fromisoformat(instant) + timedelta(hours=7)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("columns", [40, 80])
def test_amounts_and_instants_are_never_broken(told: Pulsa, columns: int) -> None:
    amounts = {"report trial-balance --by-day": ("sales", "usage", "outstanding")}
    for question in (*amounts, f"report movements {NUMBER}#1/credit"):
        said = "\n".join(seen(told, *question.split(), *NOW, columns=columns))
        for record in told.json(*question.split(), *NOW):
            for name in amounts.get(question, ("amount", "held")):
                assert rupiah(parse_amount(record[name])) in said
            assert record.get("day", "") in said
            if "effective_at" in record:
                assert local(record["effective_at"]) in re.sub(r"(?<=[0-9])T(?=[0-9])", " ", said)


def test_a_table_has_a_rule_below_its_header_and_folds_only_between_words(told: Pulsa) -> None:
    wide, narrow = (seen(told, "terms", "list", columns=columns) for columns in (120, 60))
    assert max(map(len, narrow)) <= 60
    assert set(next(line for line in narrow if "─" in line)) == {"─"}
    assert not {*"".join(wide)} & {*"┃│┏└"}
    assert any(line.startswith(f"{SP23} ") for line in narrow)
    whole = {word for line in wide for word in line.split()}
    assert {word for line in narrow for word in line.split() if word[0].isalnum()} <= whole


def test_by_day_fits_a_terminal_of_80_columns(told: Pulsa) -> None:
    lines = seen(told, "report", "trial-balance", "--by-day", *NOW, columns=80)
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if "sales" in line and "Rp 11.000" in line]


def test_rows_that_do_not_fit_are_told_in_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, right = ["day", "kind", "sales", "fees", "of_1_30", "note"], {"sales", "fees", "of_1_30"}
    rows = [
        ["2023-07-03", "use", "Rp 1.234.567,89", "Rp 0", "Rp 5.000", ""],
        ["2023-07-04", "use", "Rp 11.000", "Rp 0", "Rp 1.234.567,89", ""],
    ]
    monkeypatch.setenv("COLUMNS", "40")
    say_table("", columns, rows, right=right)
    assert capsys.readouterr().out.splitlines() == [
        "kind use; fees Rp 0",
        "2023-07-03; sales Rp 1.234.567,89;",
        "    of 1-30 Rp 5.000",
        "2023-07-04; sales Rp 11.000;",
        "    of 1-30 Rp 1.234.567,89",
    ]
    say_table("", columns, rows[:1], right=right)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "of 1-30" in line and "Rp 5.000" in line]
    assert max(map(len, said)) <= 40


def test_a_fraction_of_a_second_moves_no_column_of_a_history(pulsa: Pulsa) -> None:
    """Where there is no room beside it, what happened stands below."""
    at = START.replace("10:00:00", "10:00:00.123456")
    pulsa.done("ingest", pulsa.file("packs.jsonl", issue(at=at), activate(at=at), top_up(at=at)))
    lines = pulsa.done("number", "history", NUMBER, *NOW, COLUMNS="80").splitlines()
    assert lines[2:6] == [
        "2023-07-03 10:00:00.123456",
        "                    Starter pack issued               Rp 0 SP23-04 0:3",
        "2023-07-03 10:00:00.123456 Activated              Rp 5.000 SP23-02 0:4",
        "2023-07-03 10:00:00.123456 Credit topped up      Rp 15.000 SP23-16 0:5",
    ]


def test_what_is_the_same_on_every_row_is_said_once(told: Pulsa) -> None:
    lines = told.done("report", "movements", f"{NUMBER}#1/credit", *NOW, COLUMNS="80").splitlines()
    assert lines[0].startswith(f"account {NUMBER}#1/credit; unit credit; ")
    assert sum("credit" in line for line in lines) == 1
