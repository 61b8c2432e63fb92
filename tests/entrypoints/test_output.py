"""Whatever becomes of what is printed: what was recorded is said as recorded, and the exit code is the command's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.domain.prepaid.terms import PrepaidTerms
from ledger.domain.terms_keys import json_of
from ledger.domain.terms_models import said_by
from tests.entrypoints.pulsa import NUMBER, OTHER, SP23, START, Pulsa, top_up
from tests.given import BUNDLED, Story
from tests.given import NUMBER as KNOWN

_ROOT = Path(__file__).resolve().parents[2]
NOW = ("--now", "2023-07-04T00:00:00+07:00")
MORE = (
    "credit",
    "top-up",
    NUMBER,
    "--credit",
    "10000",
    "--price",
    "11000",
    "--channel",
    "kiosk-\u00fc",
    "--now",
    START,
)


def run(pulsa: Pulsa, *arguments: str, shell: str = "", **own: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `pulsa` as a process of its own; `shell` says what becomes of its output."""
    given = os.environ | {name: value for name, value in pulsa.environment.items() if value is not None} | own
    script = f'"$0" -m ledger.entrypoints.cli "$@" {shell}'
    command = ["bash", "-o", "pipefail", "-c", script, sys.executable, *arguments]
    return subprocess.run(command, cwd=_ROOT, env=given, capture_output=True, check=False)


def credit(pulsa: Pulsa) -> str:
    return str(pulsa.json("enquiry", NUMBER, *NOW)[0]["credit"])


@pytest.mark.parametrize("as_json", [("--json",), ()], ids=["json", "text"])
def test_an_encoding_that_lacks_a_character(pulsa: Pulsa, as_json: tuple[str, ...]) -> None:
    pulsa.active()
    done = run(pulsa, *MORE, "--command-id", "\u00fc\u4e16\U0001f600", *as_json, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    if as_json:
        assert json.loads(done.stdout)["command_id"] == "\u00fc\u4e16\U0001f600"
    else:
        assert done.stdout.startswith(b"accepted: command \\xfc\\u4e16\\U0001f600, ")
    assert credit(pulsa) == "15000"


@pytest.mark.parametrize("becomes", [">&-", "| true", "> /dev/full", ">&- 2>&-"])
def test_an_output_that_nobody_hears(pulsa: Pulsa, becomes: str) -> None:
    pulsa.active()
    done = run(pulsa, *MORE, "--command-id", "more", shell=becomes)
    assert done.returncode == 0, done.stderr
    if "full" in becomes:
        assert done.stderr == (
            b"pulsa: file-error: standard output: No space left on device; what was decided stands"
            b" (docs/runbook/file-error.md)\n"
        )
    else:
        assert done.stderr == b""
    assert credit(pulsa) == "15000"
    file = pulsa.file("feed.jsonl", top_up("again"))
    assert run(pulsa, "ingest", file, shell=becomes).returncode == 0
    assert credit(pulsa) == "25000"
    refused = run(pulsa, *MORE[:2], OTHER, *MORE[3:], "--command-id", "refused", shell=becomes)
    assert refused.returncode == 1


def test_a_reader_who_has_seen_enough(pulsa: Pulsa) -> None:
    pulsa.active()
    pulsa.done("ingest", pulsa.file("feed.jsonl", *(top_up(f"{n}") for n in range(2000))))
    done = run(pulsa, "log", "events", "--json", shell="| head -n 1")
    assert (done.returncode, done.stderr) == (141, b"")
    assert json.loads(done.stdout)["position"] == "0:1"
    full = run(pulsa, "log", "events", shell="> /dev/full")
    assert full.returncode == 2
    assert full.stderr.startswith(b"pulsa: file-error: ")
    assert full.stderr.endswith(b"No space left on device (docs/runbook/file-error.md)\n")
    assert full.stderr.count(b"\n") == 1


def test_what_the_log_holds_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Terms that a former release published may hold what is refused now."""
    values = json_of(BUNDLED[SP23])
    grounds = [{"code": "b", "title": "\x1b[2J\u202etitle"}]
    hostile = said_by(PrepaidTerms, values | {"id": "hostile", "grounds": grounds})
    story = Story(tmp_path, hostile)
    story.given_active(terms="hostile")
    story.close()
    pulsa = Pulsa(tmp_path, PULSA_LOG=str(story.path))
    said = pulsa.done("log", "events", "--json") + pulsa.done("log", "events")
    for verb in (
        ("number", "block", KNOWN, "--block", "b1", "--scope", "all", "--ground", "\x1b[31m", "--now", START),
    ):
        said += pulsa(*verb).output
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_ledger_account_by_the_number_as_it_is_dialled(pulsa: Pulsa) -> None:
    pulsa.active(NUMBER, credit="5000")
    local = f"0{NUMBER.removeprefix('62')}#1/credit"
    (found,) = pulsa.json("balance", local, *NOW)
    assert (found["account"], found["amount"]) == (f"{NUMBER}#1/credit", "5000")
    assert pulsa("balance", "0#1/credit", *NOW).exit_code == 2
    assert pulsa.json("balance", "operator/cash", *NOW)
