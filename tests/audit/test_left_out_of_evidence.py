"""What is left out of an evidence bundle by somebody who has the log and what was signed of it, and not the key."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.transparency.kept_checkpoints import checked
from ledger.domain.calendar import DAY
from ledger.domain.prepaid.commands import ChargeCredit
from tests.audit.test_evidence import (
    KEY,
    KNOWN_AT,
    Made,
    a_bundle,
    both,
    checkpoints_of,
    parts_of,
    reading,
    with_manifest,
    zipped,
)
from tests.golden import playing
from tests.projections.histories import NUMBERS, a_log, play
from tests.projections.histories import closing as closed

FIRST_FORMAT = Path(playing.__file__).with_name("evidence-1.zip")
"""A bundle as it was made before a day's close told of decisions and accounts; never made again."""
NUMBER, ACCOUNT = NUMBERS[1], f"{NUMBERS[1]}#2"
LEFT_OUT = {
    "a whole last account, with its decisions": (
        f"""UPDATE journal SET subject='nobody' WHERE subject='{NUMBER}' AND ordinal>=
            (SELECT min(ordinal) FROM stored_events WHERE originator_id='{ACCOUNT}')""",
        f"UPDATE stored_events SET originator_id='nobody' WHERE originator_id='{ACCOUNT}'",
    ),
    "a refusal at the end": ("UPDATE journal SET subject='nobody' WHERE command_id='too-much'",),
}
"""How a copy of the log is made to hold nothing of it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A log in which the last that was decided of a number is a refusal; signed, and the number's bundle."""
    log = a_log(tmp_path_factory.mktemp("left-out") / "log.db")
    refused = ChargeCredit(at=KNOWN_AT - DAY, command_id="too-much", msisdn=NUMBER, amount=10**9, item="x")
    play(log, [refused, closed(KNOWN_AT, "close again")])
    signed = checkpoints_of(log)
    return Made(log, signed, a_bundle(log, signed, NUMBER))


def copy_without(made: Made, what: str, folder: Path) -> Path:
    """A copy of the log from which something is gone, so that its digests are where they were."""
    log = folder / "copy.db"
    shutil.copy(made.log, log)
    with closing(sqlite3.connect(log)) as connection, connection:
        gone = [connection.execute(statement).rowcount for statement in LEFT_OUT[what]]
        assert all(gone)
        connection.execute("UPDATE numbers SET events=events-? WHERE msisdn=?", (sum(gone[1:]), NUMBER))
    return log


@pytest.mark.parametrize("thin", [False, True], ids=["whole", "thin"])
@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out_is_missed_or_said_not_to_be_excluded(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, thin: bool
) -> None:
    if thin:
        monkeypatch.setattr("ledger.audit.evidence.collected.MOST_EVENTS", 1)
    whole = parts_of(a_bundle(made.log, made.signed, NUMBER))
    ours, theirs = both(zipped(whole), tmp_path / "whole.zip")
    assert ours == theirs
    assert ours is not None
    assert ours[-1].startswith(f"{NUMBER} has no other account, and of its events and decisions there is no")

    forged = parts_of(a_bundle(copy_without(made, what, tmp_path), made.signed, NUMBER))
    decided = json.loads(forged["manifest.json"])["decided"]
    assert decided != json.loads(whole["manifest.json"])["decided"]
    ours, theirs = both(zipped(forged), tmp_path / "pending.zip")
    assert ours == theirs
    assert ours is not None
    assert ours[-1].startswith("COMPLETENESS PENDING: it shows events up to ")
    assert f"and decisions up to {decided}; that none of {NUMBER} came later" in ours[-1]

    close = next(name for name, part in whole.items() if part.startswith(b"heads"))
    for name in ("heads.jsonl", close, close.replace(".entry", ".tlog-proof")):
        forged[name] = whole[name]
    completeness = json.loads(whole["manifest.json"])["completeness"]
    closed_too = with_manifest(forged, completeness=completeness)
    assert both(zipped(closed_too), tmp_path / "forged.zip") == (None, None)
    as_before = with_manifest(closed_too, format="pulsa-evidence/1")
    assert both(zipped(as_before), tmp_path / "as-before.zip") == (None, None)


@pytest.mark.parametrize("what", LEFT_OUT)
def test_heads_that_are_not_so_are_found_by_whoever_has_the_log_though_the_key_has_signed_them(
    made: Made, tmp_path: Path, what: str
) -> None:
    copy = copy_without(made, what, tmp_path)
    signed = checkpoints_of(copy)
    assert None not in both(a_bundle(copy, signed, NUMBER), tmp_path / "bundle.zip")
    for folder, wrong in (
        (made.signed.folder, None),
        (signed.folder, "did not stand at the close of 2026-03-29"),
    ):
        notes = [
            (folder / "1" / tree / "checkpoint").read_bytes() for tree in ("events-0", "decisions-0", "top")
        ]
        with reading(made.log) as found:
            held = {one.checkpoint.origin: one.wrong for one in checked([found], notes, [KEY], folder=folder)}
        top = held.pop("ledger.example/top")
        assert not any(held.values())
        assert top is None if wrong is None else wrong in (top or "")


def test_a_bundle_of_the_first_format_is_checked_as_it_was_and_what_it_does_not_exclude_is_said(
    tmp_path: Path,
) -> None:
    content = FIRST_FORMAT.read_bytes()
    ours, theirs = both(content, tmp_path / "bundle.zip")
    assert ours == theirs
    assert ours is not None
    assert "6288112345678#1/credit PULSA 25003" in ours
    assert ours[-3] == "the last event and the last decision stand in trees, signed by ledger.example"
    assert ours[-2] == "no event of theirs came later until the close of 2023-08-04"
    assert ours[-1].startswith(
        "NOT EXCLUDED: another account of 6288112345678, and later decisions than 0:17;"
    )
    as_now = with_manifest(parts_of(content), format="pulsa-evidence/2", decided="0:17")
    assert both(zipped(as_now), tmp_path / "as-now.zip") == (None, None)
