"""Who sent a command, where that is known: in the journal beside the actor, and nowhere else."""

from __future__ import annotations

import os
import pwd
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.application.journal import NO_CHAIN, journal_digest
from ledger.audit.replaying import replay
from ledger.audit.verification import verify
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.prepaid.commands import IssueStarterPack, TopUp
from ledger.errors import LogDamaged
from ledger.store.backup import backup
from ledger.store.copying import FileTarget, Source, copy
from ledger.store.layout import FORMAT
from ledger.store.reading import SqliteReader
from tests.entrypoints.pulsa import Pulsa
from tests.given import BUNDLED, NUMBER, START, Story, at, rupiah
from tests.projections.projected import log_itself

NOW = at(START)
CLERK, OTHER = "os:clerk(1000)@desk", "os:other(1001)@desk"
BY_THE_SYSTEM = f"os:{pwd.getpwuid(os.getuid()).pw_name}({os.getuid()})@{socket.gethostname()}"


@pytest.fixture
def pulsa(tmp_path: Path) -> Pulsa:
    return Pulsa(tmp_path)


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def principals(path: Path) -> dict[str, str | None]:
    return dict(rows(path, "SELECT command_id, principal FROM journal"))


def told(path: Path, command_id: str) -> str | None:
    return log_itself([path]).outcome(NUMBER, command_id).principal


def test_the_command_line_says_who_the_operating_system_says_it_is(
    pulsa: Pulsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    pulsa.active()
    pulsa.done(
        "ingest",
        pulsa.file("one.jsonl", {"command": "AdvanceTime", "command_id": "a", "at": START, "msisdn": NUMBER}),
    )
    pulsa.done("log", "advance", "--now", START)
    assert set(principals(pulsa.log).values()) == {BY_THE_SYSTEM}
    assert len(principals(pulsa.log)) == 4
    assert pulsa.json("log", "outcome", NUMBER, "issue")[0]["principal"] == BY_THE_SYSTEM
    pulsa("number", "unblock", NUMBER, "--block", "b", "--command-id", "u", "--now", START)
    refused = pulsa.json(
        "number", "history", NUMBER, "--refused", "--as-of", START, "--known-at", START, "--now", START
    )[-1]
    assert (refused["command_id"], refused["principal"]) == ("u", BY_THE_SYSTEM)
    assert all(BY_THE_SYSTEM not in str(event) for event in pulsa.events())
    assert pulsa.json("log", "verify")[0]["clean"]


def test_it_is_no_part_of_the_command_nor_of_any_event(tmp_path: Path) -> None:
    seen = []
    for name, principal in (("a", None), ("b", CLERK)):
        (tmp_path / name).mkdir()
        story = Story(tmp_path / name)
        pack = story.command(IssueStarterPack, NOW, command_id="i")
        story.ledger.execute([pack], principal=principal)
        seen.append(rows(story.path, "SELECT * FROM stored_events"))
        seen.append(rows(story.path, "SELECT command_digest, command FROM journal"))
        story.close()
    assert seen[:2] == seen[2:]


def test_of_a_repeat_the_first_one_stands(story: Story) -> None:
    pack = story.command(IssueStarterPack, NOW, command_id="i")
    (first,) = story.ledger.execute([pack], principal=CLERK)
    assert story.ledger.execute([pack], principal=OTHER) == [first.repeated()]
    assert told(story.path, "i") == CLERK


def test_the_chain_covers_it(story: Story) -> None:
    story.ledger.execute([story.command(IssueStarterPack, NOW)], principal=CLERK)
    story.close()
    assert verify(story.path).clean
    for other in (OTHER, None):
        with closing(sqlite3.connect(story.path)) as connection, connection:
            connection.execute("UPDATE journal SET principal=?", (other,))
        (finding,) = verify(story.path).findings
        assert "its digest is not that of its content" in finding.what


def test_commands_of_several_are_replayed_without_a_difference(story: Story) -> None:
    for index, principal in enumerate([CLERK, None, OTHER, OTHER, CLERK]):
        story.ledger.execute([story.command(AdvanceTime, NOW, command_id=str(index))], principal=principal)
    found = replay([SqliteReader(story.path)], list(BUNDLED.values()))
    assert (found.empty, found.commands) == (True, 5)


@pytest.mark.parametrize("principal", ["", 1, True, b"clerk", [], "\ud800", "clerk\nos:other"])
def test_what_is_no_text_is_nobody(story: Story, principal: Any) -> None:
    story.given_active()
    before = rows(story.path, "SELECT count(*) FROM journal")
    with pytest.raises(ValueError, match="principal"):
        story.ledger.execute([story.command(AdvanceTime, NOW)], principal=principal)
    assert rows(story.path, "SELECT count(*) FROM journal") == before
    assert verify(story.path).clean


# --- a log of a release that knew of none ---------------------------------------------------------------------------


@pytest.fixture
def earlier(story: Story) -> Story:
    """A log as the release before wrote it, which holds a command of nobody's."""
    story.given_active(credit=rupiah(5000))
    story.close()
    with closing(sqlite3.connect(story.path)) as connection:
        connection.execute("ALTER TABLE journal DROP COLUMN principal")
        connection.execute("PRAGMA user_version=1")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return story


def test_an_earlier_log_is_read_as_it_is(earlier: Story, tmp_path: Path) -> None:
    before = earlier.path.read_bytes()
    assert verify(earlier.path).clean
    assert told(earlier.path, "1") is None
    assert replay([SqliteReader(earlier.path)], list(BUNDLED.values())).empty
    assert verify(backup(earlier.path, tmp_path / "kept.db").path).clean
    with closing(Source(earlier.path)) as source, closing(FileTarget(tmp_path / "copy.db", source)) as target:
        copy(source, target)
    assert verify(tmp_path / "copy.db").clean
    assert earlier.path.read_bytes() == before


@pytest.mark.parametrize("stated", [1, FORMAT])
def test_a_log_that_states_another_format_than_its_journal_has_is_damaged_for_everybody(
    earlier: Story, stated: int
) -> None:
    with closing(sqlite3.connect(earlier.path)) as connection:
        if stated == 1:
            connection.execute("ALTER TABLE journal ADD COLUMN principal TEXT")
        connection.execute(f"PRAGMA user_version={stated}")
    for opening in (
        earlier.reopen,
        lambda: verify(earlier.path),
        lambda: told(earlier.path, "1"),
        lambda: Source(earlier.path),
    ):
        with pytest.raises(LogDamaged, match=f"says format {stated}"):
            opening()


def test_an_earlier_log_is_gone_on_with_and_its_entries_keep_their_digests(earlier: Story) -> None:
    entries = rows(earlier.path, "SELECT * FROM journal ORDER BY entry")
    chains: dict[str, bytes] = {}
    for _, *entry in entries:
        chains[entry[0]] = journal_digest(chains.get(entry[0], NO_CHAIN), entry)
        assert chains[entry[0]] == entry[11], "the digest that the release before gave"
    earlier.reopen()
    earlier.ledger.execute(
        [earlier.command(TopUp, NOW, command_id="t", credit=rupiah(5000))], principal=CLERK
    )
    assert rows(earlier.path, "PRAGMA user_version") == [(FORMAT,)]
    assert rows(earlier.path, "SELECT * FROM journal ORDER BY entry")[: len(entries)] == [
        (*entry, None) for entry in entries
    ]
    assert told(earlier.path, "t") == CLERK
    assert verify(earlier.path).clean
    assert replay([SqliteReader(earlier.path)], list(BUNDLED.values())).empty
