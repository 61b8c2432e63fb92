"""The demonstration runs from an empty folder, and says loudly what does not hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ledger.audit.verification import verify
from ledger.demo.picture import END, drawn, life, played
from ledger.demo.screen import Screen
from ledger.domain.calendar import format_instant
from ledger.entrypoints.cli.app import app
from ledger.entrypoints.cli.branches import paths


def test_the_demonstration_runs_end_to_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ledger.demo",
            *("--subscribers", "25", "--contracts", "12", "--persons", "8", "--folder", str(tmp_path)),
        ],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("✓") == 13
    for shown in ("CreditForfeited", "SP23-20", "XP25-16", "grace", "insufficient-credit", "in all"):
        assert shown in done.stdout
    for shown in (
        "commitment",
        "over 90 days",
        "DepositRefunded",
        "operator/revenue/roaming",
        "rupiah add up",
        "may not be made offers",
        "amount-differs",
        "StatementOverridden",
        "signed by ledger.demo",
    ):
        assert shown in done.stdout
    assert str(tmp_path / "demo.db") in done.stdout
    asked = re.findall(r"^pulsa ([a-z]+(?: [a-z-]+)?)", done.stdout, re.MULTILINE)
    assert asked
    assert [one for one in asked if not {one, one.split()[0]} & {path for path, _ in paths()}] == []
    assert verify(tmp_path / "demo.db").clean


def test_what_does_not_hold_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.check("this", holds=True)
    assert screen.holds
    screen.check("that", holds=False)
    screen.check("this again", holds=True)
    assert not screen.holds
    assert "✗ that: THIS DOES NOT HOLD" in capsys.readouterr().out


def test_the_readmes_picture_is_what_the_ledger_tells_of_that_life() -> None:
    """Drawn anew by `python -m ledger.demo.picture docs/pictures/credit.svg`."""
    kept = Path(__file__).parents[1] / "docs" / "pictures" / "credit.svg"
    found = life()
    assert drawn(found) == kept.read_text("utf-8")
    [(_, amount, clause)] = found.lost
    assert (amount, clause) == (3_209_826, "SP23-20")


def test_the_readme_says_why_as_the_ledger_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    said = re.search(r"```text\n\$ pulsa (why [^\n]+)\n(.*?)```", readme, re.DOTALL)
    assert said is not None
    monkeypatch.setenv("PULSA_LOG", str(played(tmp_path).log))
    monkeypatch.setenv("PULSA_NOW", format_instant(END))
    found = CliRunner().invoke(app, said[1].split())
    told = re.sub(r" \(0:\d+\)$", "", found.stdout, flags=re.MULTILINE)
    lines = said[2].splitlines()
    assert len(lines) == 7
    assert [line for line in lines if line not in told.splitlines()] == []
