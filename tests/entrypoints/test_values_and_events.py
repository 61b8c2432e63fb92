"""No value without its event, and no event without its value: killed between vault and log, refused, sent again."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from ledger.application.ledger import Ledger
from ledger.vault.vault import Vault
from tests.entrypoints.pulsa import Pulsa
from tests.entrypoints.vault_looked_after import (
    AT,
    MUCH_LATER,
    NAME,
    ONE,
    TWO,
    Killed,
    kill,
    kinds,
    looked_after,
    rectify,
    register,
    shown,
)


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    return looked_after(tmp_path)


@pytest.mark.parametrize(
    "step", ["before the vault", "before the log", "after the log", "before it is taken back"]
)
def test_killed_anywhere_between_vault_and_log_nothing_stays_alone(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    register(desk, TWO)
    refused = step == "before it is taken back"
    values = {"religion": "x"} if refused else {"email": "b@example.net"}
    to_kill = {
        "before the vault": (Vault, "write", False),
        "before the log": (Ledger, "execute", False),
        "after the log": (Ledger, "execute", True),
        "before it is taken back": (Vault, "withdraw", False),
    }
    owner, name, after = to_kill[step]
    with monkeypatch.context() as patch:
        kill(patch, owner, name, after=after)
        with pytest.raises(Killed):
            rectify(desk, TWO, "--command-id", "r-1", **values)
    register(desk, ONE)  # the log goes on
    before = kinds(desk, AT, "--grace-hours", "0")
    alone = step in ("before the log", "before it is taken back")
    assert before == ([("values-without-event", f"{TWO}, r-1")] if alone else [])
    said = rectify(desk, TWO, "--command-id", "r-1", **values)  # the same again is the same
    assert ("repeated" if step == "after the log" else "accepted" if not refused else "no-purpose") in said
    assert kinds(desk) == []
    fields = ("customer", "show", TWO, "--fields", "email", "--by", "s", "--reason", "r")
    assert ("b@example.net" in desk.done(*fields)) is not refused


def test_values_without_an_event_are_swept_once_the_log_has_gone_on(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(desk, TWO)
    with monkeypatch.context() as patch:
        kill(patch, Ledger, "execute", after=False)
        with pytest.raises(Killed):
            register(desk, ONE, "--command-id", "r-1")
    desk.done("vault", "sweep", "--now", MUCH_LATER)
    assert kinds(desk, MUCH_LATER) == []  # the log has not gone on: the command may still be on its way
    rectify(desk, TWO, email="b@example.net")
    assert kinds(desk, MUCH_LATER) == []  # not for a day
    assert kinds(desk, MUCH_LATER, "--grace-hours", "0") == [("values-without-event", f"{ONE}, r-1")]
    (done,) = desk.json("vault", "sweep", "--now", MUCH_LATER, "--grace-hours", "0")
    assert (done["writings"], done["erased"]) == (1, 0)
    assert kinds(desk, MUCH_LATER, "--grace-hours", "0") == []
    assert register(desk, ONE, "--command-id", "r-1").startswith("accepted")
    assert NAME["name"] in desk.done(*shown())


def test_values_of_a_command_that_was_accepted_stay_whatever_is_sent_under_its_id(desk: Pulsa) -> None:
    register(desk, ONE, "--command-id", "r-1")
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "another", "--at", AT)
    said = desk("customer", "register", ONE, *own, "--command-id", "r-1", feed=json.dumps(NAME))
    assert said.exit_code == 1
    assert NAME["name"] in desk.done(*shown())
    assert kinds(desk) == []


def test_what_no_event_tells_of_is_shown_to_nobody(desk: Pulsa) -> None:
    register(desk)
    desk.done("customer", "restrict", ONE, "--channel", "care", "--at", AT, "--command-id", "other")
    desk.done("customer", "lift-restriction", ONE, "--channel", "care", "--at", AT)
    more = ("--command-id", "other")
    assert "idempotency-conflict" in rectify(desk, ONE, *more, name="Another", email="another@example.net")
    assert desk.json(*shown()) == [NAME]
    out = desk.folder / "person.zip"
    desk.done("customer", "access", ONE, str(out), "--by", "staff-3", "--reason", "asked", "--now", AT)
    with zipfile.ZipFile(out) as archive:
        assert not any(b"nother" in archive.read(name) for name in archive.namelist())
    assert kinds(desk) == [("values-without-event", f"{ONE}, other")]


def test_what_was_refused_and_is_sent_again_leaves_nothing(desk: Pulsa) -> None:
    register(desk, ONE, "--command-id", "r-1")
    for _ in range(2):
        assert "customer-exists" in register(desk, ONE, "--command-id", "r-2", email="b@example.net")
        assert kinds(desk, MUCH_LATER, "--grace-hours", "0") == []
