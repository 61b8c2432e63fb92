"""The vault looked after at the desk: lost, behind the log, restored, put right when it was stopped half way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import LedgerError
from ledger.vault.vault import Vault
from ledger.wiring.copy_keepers import KEEPERS
from tests.entrypoints.pulsa import Pulsa
from tests.entrypoints.vault_looked_after import (
    AT,
    MUCH_LATER,
    NAME,
    ONE,
    THREE,
    TWO,
    Killed,
    kinds,
    looked_after,
    rectify,
    register,
    shown,
    vault_of,
)


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    return looked_after(tmp_path)


def test_each_keeper_of_copies_begins_a_line_of_its_own(desk: Pulsa) -> None:
    """What does not fit stands further in."""
    lines = desk.done("vault", "keepers", COLUMNS="60").splitlines()
    assert max(map(len, lines)) <= 60
    assert [line.partition(" (")[0] for line in lines if not line.startswith("    ")] == [
        one.name for one in KEEPERS
    ]


def test_what_is_well_is_clean(desk: Pulsa) -> None:
    assert "clean" in desk.done("vault", "check", "--now", AT)
    register(desk)
    rectify(desk, email="b@example.net")
    assert "clean" in desk.done("vault", "check", "--now", MUCH_LATER)


def test_accounts_of_nobody_are_named_with_customer_and_position(desk: Pulsa) -> None:
    """At once of who is erased; of who is unknown once there was time to register them; of a played id never."""
    register(desk)
    decided = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1", "--at", AT)
    desk.done("customer", "erase", ONE, *decided)
    for number, customer in (
        ("6288112345678", ONE),
        ("6288112345679", TWO),
        ("6288112345680", "customer/c-17"),
    ):
        pack = ("--terms", "smartfren-prepaid-2023", "--printed-credit", "0", "--valid-until", "2030-12-31")
        desk.done("number", "issue", number, *pack, "--at", AT)
        whose = (
            "--customer",
            customer.partition("/")[2],
            "--registration",
            "verified",
            "--channel",
            "sms-4444",
        )
        desk.done("number", "activate", number, *whose, "--at", AT)
    desk.done("vault", "sweep", "--now", AT)
    erased, unknown = (
        (f"account-of-{why}", f"{one['account']}, {customer}, {one['position']}")
        for why, customer, number in (("erased", ONE, "6288112345678"), ("unknown", TWO, "6288112345679"))
        for one in desk.events()
        if one["type"].endswith(".Activated") and one["account"].startswith(number)
    )
    assert kinds(desk, AT) == [erased]
    assert "who is erased" in desk("log", "verify", "--now", AT).output
    backup, restored = (str(desk.folder / name) for name in ("log.backup", "restored.db"))
    desk.done("log", "backup", backup)  # it is as it was written: what was decided is no damage
    desk.done("log", "restore", backup, "--log", restored)
    assert "log-damaged" not in desk("doctor", "--now", AT).output
    assert kinds(desk) == [erased, unknown]
    register(desk, TWO)
    assert kinds(desk) == [erased]


def test_what_is_destroyed_for_good_of_a_live_log_goes_by_the_wall_clock_alone(desk: Pulsa) -> None:
    live = {"PULSA_CLOCK": "live", "PULSA_NOW": None}
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery")
    desk.done("customer", "register", ONE, *own, feed=json.dumps(NAME), **live)
    desk.done("vault", "backup", str(desk.folder / "a.bak"), **live)
    later = {"PULSA_CLOCK": None, "PULSA_NOW": "2999-01-01T00:00:00+07:00"}
    keys = sorted((desk.folder / "keys" / "months").iterdir())
    for verb in (["sweep"], ["backup", str(desk.folder / "b.bak")]):
        assert "takes the wall clock's time" in desk.complaint("vault", *verb, **later)
    assert sorted((desk.folder / "keys" / "months").iterdir()) == keys
    assert not (desk.folder / "b.bak").exists()
    assert (
        "backup-past-its-time" in desk("vault", "check", **later).output
    )  # to be asked it of an instant is no harm
    desk.done("vault", "sweep", **live)


def test_a_vault_that_is_lost_shows_nobody_and_takes_nobody(desk: Pulsa) -> None:
    register(desk, email="b@example.net")
    vault_of(desk).unlink()
    assert desk.complaint(*shown()).startswith("vault-lost: ")
    assert "vault-lost" in register(desk, TWO)
    assert "vault-lost" in desk("vault", "backup", str(desk.folder / "x.bak"), "--now", AT).output
    desk.done("vault", "sweep", "--accept-loss", "--now", AT)
    assert "is not in the vault: name, email" in desk.complaint(*shown())
    assert register(desk, TWO).startswith("accepted")
    assert NAME["name"] in desk.done(*shown(TWO))
    assert [kind for kind, _ in kinds(desk)] == ["event-without-values"]
    rectify(desk, email="new@example.net")
    assert "is not in the vault: name" in desk.complaint(*shown())
    rectify(desk, name="Bagaskara Q.")  # all of it came again
    assert "Bagaskara Q." in desk.done(*shown())
    assert kinds(desk) == []


def test_a_vault_behind_the_log_shows_those_only_who_are_all_there(desk: Pulsa) -> None:
    register(desk, TWO)
    (made,) = desk.json("vault", "backup", str(desk.folder / "old.bak"), "--now", AT)
    assert (made["persons"], made["month"], made["destroyed"]) == (1, "2024-03", [])
    rectify(desk, TWO, "--command-id", "late", email="b@example.net")
    register(desk, ONE, "--command-id", "new")
    desk.done("vault", "restore", str(desk.folder / "old.bak"), "--overwrite", "--now", AT)
    assert desk.complaint(*shown(TWO)).startswith(f"vault-behind: {TWO}: what was written for late")
    assert desk.complaint(*shown(ONE)).startswith("vault-behind: ")
    assert kinds(desk) == [
        ("event-without-values", f"{TWO}, late"),
        ("event-without-values", f"{ONE}, new"),
    ]
    again = json.dumps({"email": "b@example.net"})
    repeat = ("customer", "rectify", TWO, "--values", "-", "--at", AT, "--command-id", "late")
    assert "repeated" in desk.done(*repeat, feed=again)
    assert NAME["name"] in desk.done(*shown(TWO))  # the same command put its values back


def test_a_value_that_was_put_under_another_command_is_shown_to_nobody(desk: Pulsa) -> None:
    """Though it is the person's own field, and opens: it may have been refused, or be somebody else's by mistake."""
    register(desk, ONE, name="Budi", email="b@example.net")
    rectify(desk, ONE, name="Siti")
    assert "Siti" in desk.done(*shown())
    with closing(sqlite3.connect(vault_of(desk))) as vault, vault:
        (first, last) = [name for (name,) in vault.execute(_COMMANDS_OF_NAMES)]
        vault.execute("UPDATE field_values SET command_id = ? WHERE field = 'name' AND version = 1", (last,))
        vault.execute("UPDATE field_values SET command_id = ? WHERE field = 'name' AND version = 2", (first,))
    assert desk.complaint(*shown()).startswith("vault-damaged: ")


_COMMANDS_OF_NAMES = "SELECT command_id FROM field_values WHERE field = 'name' ORDER BY version"


def test_a_backup_needs_its_month_and_says_what_it_destroys(desk: Pulsa) -> None:
    register(desk)
    old, new = desk.folder / "old.bak", desk.folder / "new.bak"
    assert "under the key of 2024-03" in desk.done("vault", "backup", str(old), "--now", AT)
    over = "2024-05-06T00:00:00Z"
    assert kinds(desk, over) == [("backup-past-its-time", "2024-03")]
    assert "the key of 2024-03 is destroyed" in desk.done("vault", "backup", str(new), "--now", over)
    refused = desk.complaint("vault", "restore", str(old), "--overwrite", "--now", over)
    assert refused.startswith("vault-backup-unusable: ")
    (done,) = desk.json("vault", "restore", str(new), "--overwrite", "--now", over)
    assert (done["persons"], done["erased"]) == (1, 0)
    assert desk.complaint("vault", "backup", str(new), "--now", over).startswith("file-error: ")


def test_a_vault_under_another_master_key_shows_nobody_takes_nobody_and_changes_nothing(desk: Pulsa) -> None:
    register(desk)
    desk.done("vault", "backup", str(desk.folder / "v.bak"), "--now", AT)
    other = desk.folder / "keys" / "other.key"
    desk.done("vault", "new-key", str(other))
    before = [vault_of(desk).read_bytes(), desk.events()]
    desk.environment["PULSA_VAULT_KEY"] = str(other)
    assert desk.complaint(*shown()).startswith("vault-key-wrong: ")
    assert "vault-key-wrong" in register(desk, TWO)
    assert "vault-key-wrong" in rectify(desk, email="b@example.net")
    for verb in (["check"], ["sweep"], ["backup", "x.bak"], ["restore", "v.bak", "--overwrite"]):
        files = [str(desk.folder / one) if one.endswith(".bak") else one for one in verb]
        assert desk.complaint("vault", *files, "--now", AT).startswith("vault-key-wrong: "), verb
    assert [vault_of(desk).read_bytes(), desk.events()] == before


def test_a_key_without_values_is_found_and_swept(desk: Pulsa) -> None:
    register(desk, ONE, "--command-id", "r-1")
    register(desk, TWO)
    with sqlite3.connect(vault_of(desk)) as database:
        for table in ("field_values", "writings"):
            database.execute(f"DELETE FROM {table} WHERE customer=?", (ONE.partition("/")[2],))
    database.close()
    assert {kind for kind, _ in kinds(desk)} == {"key-without-values", "event-without-values"}
    (done,) = desk.json("vault", "sweep", "--now", MUCH_LATER)
    assert done["keys"] == 1
    assert kinds(desk) == [("event-without-values", f"{ONE}, r-1")]
    assert NAME["name"] in desk.done(*shown(TWO))


def test_killed_while_an_erasure_is_carried_out_it_is_carried_out_again(
    desk: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    for customer in (ONE, TWO):
        register(desk, customer)
        own = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1", "--at", AT)
        desk.done("customer", "erase", customer, *own)
    erased = [("erased-and-kept", ONE), ("erased-and-kept", TWO)]
    erase = Vault._erase
    done: list[bool] = []

    def killed(*of: Any) -> bool:
        if done:
            raise Killed
        done.append(erase(*of))
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "_erase", staticmethod(killed))
        with pytest.raises(Killed):
            desk("vault", "sweep", "--now", AT)
    assert kinds(desk) == erased  # all or nothing
    assert " keys without values" in desk.done("vault", "sweep", "--now", AT)
    assert kinds(desk) == []


def test_a_sweep_against_another_log_destroys_nobody_and_hides_no_erasure(desk: Pulsa) -> None:
    vault, other = f"sqlite:///{vault_of(desk)}", str(desk.folder / "other.db")
    register(desk)
    register(desk, TWO)
    for number in range(4):
        pack = ("--terms", "smartfren-prepaid-2025", "--printed-credit", "0", "--valid-until", "2024-12-31")
        desk.done("number", "issue", f"628811234567{number}", *pack, "--at", AT, "--log", other)
    own = ("--decided-by", "staff-1", "--approved-by", "staff-2", "--actor", "staff-1", "--at", AT)
    desk.done("customer", "erase", TWO, *own)
    sweep, of_other = ("vault", "sweep", "--now", MUCH_LATER, "--grace-hours", "0"), {"PULSA_VAULT": vault}
    back_up = ("vault", "backup", str(desk.folder / "x.bak"), "--now", AT, "--log", other)
    told = ("check", "--now", AT), ("adopt",), ("sweep", "--accept-loss", "--now", AT)
    for asked in (back_up, sweep, *(("vault", *one) for one in told), ("customer", "readings", ONE)):
        assert desk.complaint(*asked, "--log", other, **of_other).startswith("vault-conflict: "), asked
    asked = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery", "--log", other)
    taken = desk("customer", "register", THREE, *asked, "--at", AT, feed=json.dumps(NAME), **of_other)
    assert (taken.exit_code, "`pulsa vault adopt`" in " ".join(taken.stderr.split())) == (2, True)
    with sqlite3.connect(
        vault_of(desk)
    ) as database:  # as a vault was made before, which says not whose it is
        database.execute("DROP TABLE of_log")
    desk.done(*back_up, **of_other)
    assert desk.complaint(*sweep, "--log", other, **of_other).startswith("vault-conflict: ")
    assert kinds(desk) == [("erased-and-kept", TWO)]
    assert "1 person erased" in desk.done(*sweep)  # though the other log has gone on further than that
    assert kinds(desk) == []
    assert desk.json(*shown()) == [NAME]
    assert desk.complaint(*sweep, "--log", other, **of_other).startswith(
        "vault-conflict: the vault is that of"
    )


def test_a_vault_goes_on_with_its_log_where_that_was_copied_and_with_another_when_that_is_said(
    desk: Pulsa,
) -> None:
    register(desk)
    copy = str(desk.folder / "copy.db")
    desk.done("log", "backup", copy)
    vault = {"PULSA_VAULT": f"sqlite:///{vault_of(desk)}"}
    assert desk.json(*shown(), "--log", copy, **vault) == [NAME]
    with sqlite3.connect(
        vault_of(desk)
    ) as database:  # as of a log of other partitions, of which this one was made
        (noted,) = database.execute("SELECT digest FROM of_log").fetchone()
        database.execute("UPDATE of_log SET digest = zeroblob(32)")
    assert desk.complaint(*shown()).startswith("vault-conflict: ")
    assert "that of this log" in desk.done("vault", "adopt")
    assert desk.json(*shown()) == [NAME]
    with sqlite3.connect(vault_of(desk)) as database:
        assert database.execute("SELECT digest FROM of_log").fetchall() == [(noted,)]
    fresh = str(desk.folder / "fresh.db")
    desk.done("log", "create", "--log", fresh)
    assert desk.complaint("vault", "adopt", "--log", fresh, **vault).startswith("vault-conflict: ")
    lost = desk("vault", "adopt", "--accept-loss", "--log", fresh, **vault)
    assert (lost.exit_code, desk.json(*shown())) == (2, [NAME])  # a log without an event is none yet


def test_the_logs_own_file_is_no_vault(desk: Pulsa) -> None:
    log, link = desk.folder / "pulsa.db", desk.folder / "link.db"
    desk.done("log", "create")
    link.hardlink_to(log)
    views = log.with_name("pulsa.db.views.db")
    before = log.read_bytes()
    for file in (log, link, views, f"file:{log}"):
        said = desk.complaint("customer", "readings", ONE, PULSA_VAULT=f"sqlite:///{file}")
        assert said.startswith("settings-invalid: PULSA_VAULT: "), file
    own = ("--values", "-", "--terms", "privacy-smarty", "--source", "gallery", "--at", AT, "--dry-run")
    tried = desk("customer", "register", ONE, *own, feed=json.dumps(NAME), PULSA_VAULT=f"sqlite:///{log}")
    assert (tried.exit_code, "the vault is a file of its own" in " ".join(tried.stderr.split())) == (2, True)
    restored = ("vault", "restore", str(desk.folder / "none.bak"))
    assert "PULSA_VAULT" in desk.complaint(*restored, PULSA_VAULT=f"sqlite:///{log}")
    assert (log.read_bytes(), views.exists()) == (before, False)


def test_an_error_of_the_vault_is_one_of_the_ledger() -> None:
    codes = {cls.code for cls in LedgerError.__subclasses__()}
    assert {"vault-lost", "vault-behind", "vault-backup-unusable", "vault-key-wrong"} <= codes
