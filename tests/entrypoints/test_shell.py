"""`pulsa` in a shell: one line for every error, a lock that names its holder, pipes that close, completion."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.store.lock import WriterLock
from tests.entrypoints.pulsa import NUMBER, SP23, START, Pulsa, activate, in_a_process, issue, use
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def apart(pulsa: Pulsa, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own."""
    return in_a_process(*arguments, environment=pulsa.environment | environment)


def test_a_signal_is_heeded_while_it_is_just_about_to_be_waited_for() -> None:
    code = (
        "import os, signal\n"
        "from ledger.entrypoints.cli.shell import until_stopped\n"
        "with until_stopped() as stopped:\n"
        "    with stopped._cond:\n"  # as whoever waits has it, for an instant
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        f"    print(stopped.wait({PATIENCE}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=PATIENCE, cwd=ROOT, check=True
    )
    assert done.stdout == b"True\n"


def test_a_second_writer_is_told_which_process_holds_the_log_and_readers_are_not_locked_out(
    pulsa: Pulsa,
) -> None:
    pulsa.active()
    lock = WriterLock(str(pulsa.log))
    lock.acquire()
    try:
        for verb in (
            ("number", "advance", NUMBER, "--now", START),
            ("ingest", "-"),
            ("log", "advance", "--now", START),
        ):
            done = apart(pulsa, *verb)
            assert done.returncode == 2
            (line,) = done.stderr.splitlines()
            assert line.startswith("pulsa: log-locked: another process writes to this log: ")
            assert f"process {os.getpid()} on " in line
        assert apart(pulsa, "enquiry", NUMBER, "--as-of", START).returncode == 0
        assert apart(pulsa, "log", "verify").returncode == 0
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"minutes of the meeting\n" * 100, "log-damaged"), (b"SQLite format 3\x00" + bytes(4080), "log-")],
)
def test_a_file_that_is_no_log_is_one_line_and_is_left_alone(pulsa: Pulsa, content: bytes, code: str) -> None:
    pulsa.log.write_bytes(content)
    for verb in (
        (
            "report",
            "states",
        ),
        ("number", "advance", NUMBER, "--now", START),
        (
            "log",
            "events",
        ),
    ):
        assert pulsa.complaint(*verb).startswith(code)
    assert pulsa.log.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(pulsa: Pulsa) -> None:
    complaint = pulsa.complaint("number", "advance", NUMBER, "--now", START, "--log", "missing/pulsa.db")
    assert complaint.startswith("log-unreadable: missing/pulsa.db")


def test_a_reader_that_has_seen_enough_ends_it_quietly(pulsa: Pulsa) -> None:
    lines = [issue(), activate(), *(use(f"u-{number}") for number in range(2_000))]
    pulsa.done("ingest", pulsa.file("feed.jsonl", *lines))
    command = f"{sys.executable} -m ledger.entrypoints.cli log events --json | head -n 1"
    given = os.environ | {"PULSA_LOG": str(pulsa.log), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, env=given, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_a_line_break_in_an_argument_stays_in_one_line(pulsa: Pulsa) -> None:
    pulsa.active()
    assert pulsa.complaint("balance", "operator/\ncash").startswith("unknown-account: ")


def test_a_folder_is_no_log_and_says_so(pulsa: Pulsa) -> None:
    for verb in (("report", "states"), ("number", "advance", NUMBER, "--now", START)):
        said = pulsa.complaint(*verb, PULSA_LOG=str(pulsa.folder))
        assert said == f"log-unreadable: {pulsa.folder}: it is a folder; a log is a file"


@pytest.mark.parametrize("verb", [("log", "journal"), ("log", "events")], ids=" ".join)
def test_a_count_beyond_all_numbers_is_no_defect(pulsa: Pulsa, verb: tuple[str, ...]) -> None:
    pulsa.active()
    assert pulsa.complaint(*verb, "-n", "9" * 25).endswith(" is beyond all numbers that are taken")


@pytest.mark.parametrize("asked", [("--command", "Give"), ("--code", "below-minimun")], ids=" ".join)
def test_what_no_decision_can_have_is_not_looked_for(pulsa: Pulsa, asked: tuple[str, str]) -> None:
    pulsa.active()
    assert pulsa.complaint("log", "journal", *asked).endswith(f" {asked[1]!r}")


def test_standard_input_may_be_closed(pulsa: Pulsa) -> None:
    pulsa.active()
    person = ("customer", "rectify", "customer/CAB3DE4FG5HI6JK7LM8NO", "--values", "-")
    for asked in (("ingest", "-"), person):
        command = shlex.join([sys.executable, "-m", "ledger.entrypoints.cli", *asked])
        given = {name: value for name, value in pulsa.environment.items() if value is not None}
        given = os.environ | given | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            f"{command} <&-", shell=True, env=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == (
            "pulsa: file-error: -: standard input is closed (docs/runbook/file-error.md)"
        )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_shells(pulsa: Pulsa, shell: str) -> None:
    done = apart(pulsa, _PULSA_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert "_PULSA_COMPLETE" in done.stdout


def test_verbs_and_choices_are_completed(pulsa: Pulsa) -> None:
    def completed(words: str, count: int) -> list[str]:
        given = {"_PULSA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        return apart(pulsa, **given).stdout.split()

    assert completed("pulsa se", 1) == ["settings", "service"]
    assert completed("pulsa credit tr", 2) == ["transfer"]
    assert completed("pulsa number block --scope s", 4) == ["sms"]


def test_help_is_what_it_says_without_a_verb(pulsa: Pulsa) -> None:
    assert pulsa.done() == pulsa.done("--help")
    assert "check" in pulsa.done("terms")


def test_options_named_as_a_field_of_a_command_do_not_collide(pulsa: Pulsa) -> None:
    issue_pack = ("number", "issue", NUMBER, "--printed-credit", "0", "--valid-until", "2030-01-01")
    pulsa.done(*issue_pack, "--terms", SP23, "--terms-folder", str(pulsa.folder), "--now", START)
