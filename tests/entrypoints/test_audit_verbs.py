"""`pulsa audit`: from a key to evidence in an outsider's hands."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.entrypoints.pulsa import NUMBER, Pulsa
from tests.waiting import PATIENCE

TRUST = ("--trust", "public.key")
SIGN = ("audit", "checkpoint", "--key", "signing.key")


@pytest.fixture
def signed(pulsa: Pulsa, tmp_path: Path) -> Pulsa:
    """A log with one number, closed and signed."""
    pulsa.active()
    pulsa.done("log", "advance", "--now", "2023-07-10T00:00:00+07:00")
    key = pulsa.done("audit", "new-key", "signing.key", "--name", "ledger.example")
    (tmp_path / "public.key").write_text(key)
    pulsa.done(*SIGN)
    return pulsa


def test_a_bundle_goes_to_an_outsider(signed: Pulsa, tmp_path: Path) -> None:
    made = ("audit", "bundle", NUMBER, "evidence.zip", *TRUST)
    assert signed.done(*made).endswith("; signed\n")
    told = signed.done("audit", "verify-bundle", "evidence.zip", *TRUST).splitlines()
    assert f"{NUMBER}#1/credit PULSA 5000" in told
    with zipfile.ZipFile(tmp_path / "evidence.zip") as archive:
        archive.extract("verify.py", tmp_path)
    key = (tmp_path / "public.key").read_text().strip()
    run = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "evidence.zip", key],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    by_python = [line.removeprefix("ok     ") for line in run.stdout.splitlines()]
    assert [*by_python[:1], *by_python[2:]] == [*told[:1], *told[2:]]
    assert by_python[1].startswith("NOT CHECKED but for their digests: index.html")
    assert told[1].startswith("index.html is what the other parts give")
    assert "there is a file already" in signed(*made).stderr


def test_whoever_takes_the_wrong_file_for_a_key_is_told_its_name_and_nothing_that_it_holds(
    signed: Pulsa, tmp_path: Path
) -> None:
    held = (tmp_path / "signing.key").read_text().strip()
    (tmp_path / "other").write_bytes(b"\xff\x00 a secret")
    for given, named in (("signing.key", "signing.key"), ("other", "other"), (held, "--trust")):
        said = signed.complaint("audit", "verify", "kept", "--trust", given)
        assert said.startswith(f"key-unusable: {named}: it is "), said
        assert held.split("+", 4)[4] not in said
        assert "secret" not in said


def test_a_log_that_was_changed_is_found_by_who_kept_a_checkpoint(signed: Pulsa, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((tmp_path / "pulsa.db.checkpoints/1/events-0/checkpoint").read_bytes())
    assert signed.done("audit", "verify", "kept", *TRUST).endswith(": as it was signed\n")
    (held,) = signed.json("audit", "verify", "kept", *TRUST)
    assert (held["holds"], held["wrong"]) == (True, None)
    (gone_on,) = signed.json("audit", "consistency", "kept", "kept", *TRUST)
    assert (gone_on["origin"], gone_on["old"], gone_on["new"]) == (held["origin"], held["size"], held["size"])
    with closing(sqlite3.connect(signed.log)) as connection:
        connection.execute("UPDATE stored_events SET digest=zeroblob(32) WHERE ordinal=3")
        connection.commit()
    found = signed.complaint("audit", "verify", "kept", *TRUST)
    assert found.startswith("log-damaged: ")
    assert "the event at 0:3 is not what its digest names" in found
    assert signed.complaint(*SIGN).startswith("checkpoint-mismatch: ")


def test_an_event_is_proved_and_one_that_is_not_there_is_not(signed: Pulsa, tmp_path: Path) -> None:
    signed.done("audit", "prove", "0:3", "event.tlog-proof", *TRUST)
    assert (tmp_path / "event.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\nindex 2\n")
    assert "there is no event" in signed.complaint("audit", "prove", "0:999", "other", *TRUST)
    assert "is no position" in signed("audit", "prove", "3", "other", *TRUST).stderr
    assert signed.complaint("audit", "prove", "0:3", "other").startswith("key-unusable: ")


def test_what_was_recorded_since_is_signed_by_who_goes_on(signed: Pulsa, tmp_path: Path) -> None:
    assert signed.done(*SIGN) == "nothing came since the last checkpoint\n"
    top_up = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", "t-1")
    signed.done("credit", "top-up", NUMBER, *top_up, "--now", "2023-07-11T09:00:00+07:00")
    assert "ledger.example/events-0: " in signed.done(*SIGN)
    assert signed.done("audit", "show-key", "--key", "signing.key") == (tmp_path / "public.key").read_text()
