"""Which files are read and written, and what a signal leaves of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import Pulsa, as_bytes, top_up, use
from tests.entrypoints.test_ingest import OPENING
from tests.waiting import PATIENCE, until


def test_a_file_that_is_not_there_is_named_before_anything_is_written(pulsa: Pulsa) -> None:
    good = pulsa.file("good.jsonl", *OPENING)
    assert (
        pulsa.complaint("ingest", good, "missing.jsonl")
        == "file-error: missing.jsonl: No such file or directory"
    )
    assert pulsa.complaint("ingest", good, str(pulsa.folder)).startswith("file-error: ")
    assert not pulsa.log.exists()


def test_the_outcomes_never_overwrite_a_file_that_is_read(pulsa: Pulsa) -> None:
    file = pulsa.file("feed.jsonl", *OPENING)
    before = Path(file).read_bytes()
    assert pulsa.complaint("ingest", file, "--outcomes", file).startswith("settings-invalid: --outcomes")
    assert Path(file).read_bytes() == before


@pytest.mark.parametrize("beside", ["", "-wal", ".lock", ".views.db"])
@pytest.mark.parametrize(
    "verb",
    [
        ("ingest", "next.jsonl", "--outcomes"),
        ("data", "export", "csv", "--out"),
        ("log", "backup", "--overwrite"),
    ],
)
def test_nothing_is_written_over_the_log_nor_beside_it(
    pulsa: Pulsa, verb: tuple[str, ...], beside: str
) -> None:
    pulsa.done("ingest", pulsa.file("feed.jsonl", *OPENING))
    pulsa.file("next.jsonl", top_up())
    link = pulsa.folder / "link"
    link.symlink_to(f"{pulsa.log}{beside}")
    before = pulsa.log.read_bytes()
    assert pulsa.complaint(*verb, str(link)).startswith("settings-invalid: ")
    assert pulsa.log.read_bytes() == before
    assert link.is_symlink()


@pytest.mark.parametrize(
    "verb", [("ingest", "next.jsonl", "--outcomes"), ("data", "export", "csv", "--out"), ("log", "backup")]
)
def test_a_hyphen_is_no_file_to_write_to(pulsa: Pulsa, verb: tuple[str, ...]) -> None:
    pulsa.file("next.jsonl", *OPENING)
    assert "/dev/stdout" in pulsa.complaint(*verb, "-")
    assert not (pulsa.folder / "-").exists()
    assert not pulsa.log.exists()


def test_the_outcomes_never_overwrite_what_standard_input_reads(pulsa: Pulsa) -> None:
    file = Path(pulsa.file("feed.jsonl", *OPENING))
    before = file.read_bytes()
    command = [sys.executable, "-m", "ledger.entrypoints.cli", "ingest", "-", "--outcomes", str(file)]
    environment = os.environ | {"PULSA_LOG": str(pulsa.log), "PULSA_CLOCK": "played"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    with file.open("rb") as feed:
        result = subprocess.run(command, stdin=feed, capture_output=True, env=environment, check=False)
    assert (result.returncode, result.stderr.split(b":")[:2]) == (2, [b"pulsa", b" settings-invalid"])
    assert file.read_bytes() == before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_one_line_with_what_was_taken_in_written(
    pulsa: Pulsa, sent: signal.Signals
) -> None:
    out = pulsa.folder / "outcomes.jsonl"
    command = [sys.executable, "-m", "ledger.entrypoints.cli", "ingest", "-", "--outcomes", str(out)]
    environment = os.environ | {"PULSA_LOG": str(pulsa.log), "PULSA_CLOCK": "played"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin is not None
        lines = [*OPENING, *(use(f"u-{n}") for n in range(1_500))]
        process.stdin.write(b"".join(as_bytes(line) + b"\n" for line in lines))
        process.stdin.flush()
        until(lambda: process.poll() is not None or (out.exists() and out.stat().st_size))
        process.send_signal(sent)
        printed, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert complaint.decode().splitlines() == ["pulsa: interrupted: stopped; what was written before stays"]
    assert printed.startswith(b"1.000 commands")
    assert len(out.read_text().splitlines()) == 1_000
    assert pulsa.json("log", "verify")[0]["entries"] == 1_000
