"""What is signed of a log is never unsaid, and a log that is not the one that was signed is found."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.checkpointing import Checkpointer
from ledger.audit.transparency.copied_trees import copied, gone_on
from ledger.audit.transparency.heads import HeadsTree, last_close
from ledger.audit.transparency.kept_checkpoints import HeldCheckpoint, checked
from ledger.audit.transparency.leaves import DECISIONS, EVENTS
from ledger.audit.transparency.merkle import (
    leaf_hash,
    root_by_inclusion,
    roots_by_consistency,
)
from ledger.audit.transparency.note import Signer
from ledger.audit.transparency.proof import Proof
from ledger.audit.transparency.published import EntryTree, PublishedTree
from ledger.domain.calendar import DAY, zone
from ledger.domain.commands import Command
from ledger.domain.prepaid.commands import ChargeCredit
from ledger.errors import CheckpointInvalid, CheckpointMismatch, LogDamaged, LogLocked, TilesDamaged
from ledger.store.reading import SqliteReader, SqliteSnapshot
from tests.audit.roots import root_of
from tests.often import often
from tests.projections.histories import BEGIN, a_log, commands, play
from tests.projections.histories import closing as closed
from tests.rechained import rechain

SIGNER = Signer("ledger.example", bytes(range(32)))
JAKARTA = zone("Asia/Jakarta")
TRUSTED = [SIGNER.verifier]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of more than two tiles."""
    return a_log(tmp_path_factory.mktemp("log") / "log.db")


@pytest.fixture
def log(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copy(original, tmp_path / "log.db"))


@contextmanager
def reading(log: Path) -> Iterator[SqliteSnapshot]:
    with SqliteReader(log).snapshot() as found:
        yield found


def a_round(log: Path, folder: Path, *, restart: str | None = None) -> list[Checkpoint]:
    """Signs what is new of a log, by a process of its own."""
    with reading(log) as found:
        checkpointer = Checkpointer(folder, [SIGNER], [found], zone=JAKARTA, restart=restart)
        with closing(checkpointer):
            return checkpointer.round([found])


def top_ups(count: int, day: int) -> list[Command]:
    """So many, on a day since the histories begin."""
    return commands([(0, 0, "top up", 1, 0)] * count, since=BEGIN + day * DAY, first=10_000 + day * 1000)


def note(folder: Path, tree: str = "events-0") -> bytes:
    return (folder / "1" / tree / "checkpoint").read_bytes()


def held(log: Path, *notes: bytes, folder: Path | None = None) -> list[HeldCheckpoint]:
    with reading(log) as found:
        return checked([found], notes, TRUSTED, folder=folder)


def changed(log: Path, *statements: str) -> None:
    with closing(sqlite3.connect(log)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_what_was_recorded_is_signed_and_nothing_new_signs_nothing(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    events, decisions, top = a_round(log, folder)
    with reading(log) as found:
        leaves = [hash_ for some in EVENTS.hashes(found, 0, found.head) for hash_ in some]
        assert (events.origin, events.size, events.root) == (
            "ledger.example/events-0",
            found.head,
            root_of(leaves),
        )
        assert decisions.size == DECISIONS.count(found)
    assert verified(note(folder), TRUSTED) == events
    assert (decisions.origin, top.origin) == ("ledger.example/decisions-0", "ledger.example/top")
    assert a_round(log, folder) == []
    assert note(folder) == events.signed([SIGNER]).encode()


def test_the_log_of_checkpoints_tells_of_trees_schemas_and_heads(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    events, decisions, _ = a_round(log, folder)
    entries = list(EntryTree(folder / "1" / "top", "ledger.example/top", TRUSTED).entries())
    assert b"checkpoint\n" + events.text.encode() in entries
    assert b"checkpoint\n" + decisions.text.encode() in entries
    with closing(sqlite3.connect(log)) as connection:
        schemas = connection.execute("SELECT count(*) FROM schemas").fetchone()[0]
    assert len([entry for entry in entries if entry.startswith(b"schema\n")]) == schemas
    assert len([entry for entry in entries if entry.startswith(b"heads/2\n0\n")]) == 1


def test_a_leaf_a_beginning_and_a_head_are_proved(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    first = a_round(log, folder)[0]
    later = [
        closed(BEGIN + 900 * DAY, "later"),
        *top_ups(30, 900),
    ]
    play(log, later, size=100)
    last = a_round(log, folder)[0]
    assert last.size > first.size + 10
    tree = PublishedTree(folder / "1" / "events-0", first.origin, TRUSTED).tree
    path = tree.consistency(first.size)
    assert roots_by_consistency(first.size, last.size, first.root, path) == (first.root, last.root)
    with reading(log) as found:
        leaves = [hash_ for some in EVENTS.hashes(found, 0, found.head) for hash_ in some]
        for index in (0, first.size - 1, first.size, last.size - 1):
            proof = Proof(index, tuple(tree.inclusion(index)), note(folder))
            assert proof.check(leaves[index], TRUSTED) == last
        close = last_close(found, JAKARTA)
        assert close is not None
        closed_then = HeadsTree(found, close)
        assert closed_then.summary.root == root_of(leaf_hash(head.leaf) for head in closed_then.heads)
        count = closed_then.summary.subjects
        for subject, expected in (("6288100000001", 1), ("62881000000011", 2), ("0", 1), ("zzz", 1)):
            proved = closed_then.placed(subject)
            assert len(proved) == expected
            for head, index, steps in proved:
                assert (
                    root_by_inclusion(leaf_hash(head.leaf), index, count, steps) == closed_then.summary.root
                )
        before, after = (head.subject for head, _, _ in closed_then.placed("62881000000011"))
        assert before < "62881000000011" < after


def test_where_subjects_stood_at_a_close_is_the_same_whatever_was_decided_since(log: Path) -> None:
    """A refusal that comes next has the ordinal of the event that closed the day."""
    then, number = BEGIN + 900 * DAY, "6288100000001"
    play(log, [closed(then, "close again")])
    with reading(log) as found:
        close = last_close(found, JAKARTA)
        assert close is not None
        before = HeadsTree(found, close)
    stands = {head.subject: head for head in before.heads}
    refused = ChargeCredit(at=then, command_id="nothing", msisdn="6288100000002", amount=10**9, item="x")
    play(log, [refused, *top_ups(3, 901)])
    with reading(log) as found:
        assert HeadsTree(found, close).summary == before.summary
        rows = found.connection.execute("SELECT command_id, subject, entry, ordinal, chain FROM journal")
        journal = sorted(rows, key=lambda row: row[2])
        known = found.connection.execute(
            "SELECT DISTINCT originator_id FROM stored_events WHERE ordinal<=?", (close.ordinal,)
        )
        streams = sorted(row[0] for row in known)
    assert [row[3] for row in journal if row[0] == "nothing"] == [close.ordinal]
    decided = {row[1]: (row[2], row[4]) for row in journal if row[3] < close.ordinal}
    assert {one.subject: (one.entry, one.chain) for one in before.heads if one.entry} == decided
    assert sorted(stream.stream for one in before.heads for stream in one.streams) == streams
    assert [one.stream for one in stands[number].streams] == [number, f"{number}#1", f"{number}#2"]


REWRITTEN = (
    "UPDATE stored_events SET state=CAST(substr(state, 1, length(state)-1) || x'7f' AS BLOB) WHERE ordinal=300",
    "UPDATE journal SET message='otherwise' WHERE entry=300",
)


@pytest.mark.parametrize(
    ("statement", "tree", "place"),
    [
        (REWRITTEN[0], "events-0", "the event at 0:300"),
        (REWRITTEN[1], "decisions-0", "the journal entry at 0:300"),
    ],
)
def test_a_log_rewritten_with_every_digest_made_again_is_found(
    log: Path, tmp_path: Path, statement: str, tree: str, place: str
) -> None:
    folder = tmp_path / "checkpoints"
    a_round(log, folder)
    kept = note(folder, tree)
    changed(log, statement)
    rechain(log)
    [found] = held(log, kept, folder=folder)
    assert found.wrong == f"{log}: {place} is not the one that was signed"
    with pytest.raises(CheckpointMismatch, match=place):
        a_round(log, folder)
    assert note(folder, tree) == kept


def test_without_the_tiles_it_lies_between_two_checkpoints(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    a_round(log, folder)
    kept = [note(folder)]
    play(log, top_ups(5, 900))
    a_round(log, folder)
    kept.append(note(folder))
    size = verified(kept[0], TRUSTED).size
    changed(log, f"UPDATE stored_events SET state=CAST(state || x'00' AS BLOB) WHERE ordinal={size + 2}")
    rechain(log)
    good, bad = held(log, *kept)
    assert good.wrong is None
    assert bad.wrong is not None
    assert (
        f"the event at 0:{size + 1}, or one after it up to 0:{verified(kept[1], TRUSTED).size}" in bad.wrong
    )


def test_a_log_cut_short_is_found(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    size = a_round(log, folder)[0].size
    kept = note(folder)
    changed(log, f"DELETE FROM stored_events WHERE ordinal>{size - 3}")
    rechain(log)
    [found] = held(log, kept, folder=folder)
    assert found.wrong == f"{log}: it has {size - 3:,} events in partition 0, and {size:,} were signed"
    with pytest.raises(CheckpointMismatch, match=f"{size:,} were signed"):
        a_round(log, folder)


def test_a_log_reordered_is_found(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    a_round(log, folder)
    kept = note(folder)
    one, other = 20, 21  # of two subjects: each chain is still whole
    changed(
        log,
        f"UPDATE stored_events SET ordinal=-1 WHERE ordinal={one}",
        f"UPDATE stored_events SET ordinal={one} WHERE ordinal={other}",
        f"UPDATE stored_events SET ordinal={other} WHERE ordinal=-1",
    )
    rechain(log)
    [found] = held(log, kept, folder=folder)
    assert found.wrong == f"{log}: the event at 0:{one} is not the one that was signed"


def test_a_gap_is_damage(log: Path, tmp_path: Path) -> None:
    changed(log, "DELETE FROM stored_events WHERE ordinal=100")
    with pytest.raises(LogDamaged, match="0:100 is missing"):
        a_round(log, tmp_path / "checkpoints")


def test_after_a_restore_it_begins_again_and_names_what_was_before(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    backup = Path(shutil.copy(log, tmp_path / "backup.db"))
    play(log, top_ups(1, 900))
    before = a_round(log, folder)[-1]
    with pytest.raises(CheckpointMismatch):
        a_round(backup, folder)
    events, _, top = a_round(backup, folder, restart="restored from last night's backup")
    assert (events.origin, top.origin) == ("ledger.example/2/events-0", "ledger.example/2/top")
    first = next(EntryTree(folder / "2" / "top", top.origin, TRUSTED).entries())
    assert first.decode() == f"restart\nrestored from last night's backup\n{before.text}"
    play(backup, top_ups(1, 901))
    assert a_round(backup, folder)[0].origin == "ledger.example/2/events-0"
    assert verified(note(folder, "top"), TRUSTED) == before


def test_one_process_at_a_time(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    with (
        reading(log) as found,
        closing(Checkpointer(folder, [SIGNER], [found], zone=JAKARTA)),
        pytest.raises(LogLocked, match="another process makes checkpoints there"),
    ):
        Checkpointer(folder, [SIGNER], [found], zone=JAKARTA)
    assert len(a_round(log, folder)) == 3


class Stopped(Exception):
    """A process that ended before a file was in place."""


@often(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 60))
def test_wherever_it_is_killed_it_goes_on_and_signs_no_size_twice(
    original: Path, tmp_path_factory: pytest.TempPathFactory, after: int
) -> None:
    """Every file is put in place by a rename: a process that ends before one of them has written those before it."""
    folder = tmp_path_factory.mktemp("killed")
    log = Path(shutil.copy(original, folder / "log.db"))
    signed: dict[tuple[str, int], bytes] = {}
    count = 0

    def rename(source: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > after:
            raise Stopped
        return Path(shutil.move(source, target))

    def take(checkpoints: Path) -> None:
        for file in checkpoints.glob("*/*/checkpoint"):
            found = verified(file.read_bytes(), TRUSTED)
            assert signed.setdefault((found.origin, found.size), found.root) == found.root

    checkpoints = folder / "checkpoints"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "replace", rename)
        with suppress(Stopped):
            a_round(log, checkpoints)
    take(checkpoints)
    play(log, top_ups(3, 900))
    a_round(log, checkpoints)
    take(checkpoints)
    again = folder / "again"
    a_round(log, again)
    assert note(checkpoints) == note(again)
    assert [one.wrong for one in held(log, note(checkpoints), note(checkpoints, "decisions-0"))] == [
        None,
        None,
    ]
    told = list(EntryTree(checkpoints / "1" / "top", "ledger.example/top", TRUSTED).entries())
    assert b"checkpoint\n" + verified(note(checkpoints), TRUSTED).text.encode() in told


@pytest.mark.parametrize("what", ["bit", "cut", "gone"])
def test_tiles_that_are_not_what_was_signed_are_found(log: Path, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "checkpoints"
    a_round(log, folder)
    for tile in sorted((folder / "1" / "events-0" / "tile").rglob("*")):
        if not tile.is_file():
            continue
        content = tile.read_bytes()
        if what == "gone":
            tile.unlink()
        else:
            tile.write_bytes(content[:-1] if what == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(TilesDamaged):
        a_round(log, folder)


def test_a_checkpoint_goes_on_from_an_older_one_or_it_is_said_that_it_does_not(
    log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    a_round(log, folder)
    old = note(folder)
    play(log, top_ups(5, 900))
    a_round(log, folder)
    new = note(folder)
    found = gone_on(folder, (new, old), TRUSTED)
    assert (found.old, found.new) == (verified(old, TRUSTED), verified(new, TRUSTED))
    roots = roots_by_consistency(found.old.size, found.new.size, found.old.root, list(found.path))
    assert roots == (found.old.root, found.new.root)
    forged = Checkpoint(found.old.origin, found.old.size, bytes(32)).signed([SIGNER]).encode()
    with pytest.raises(CheckpointMismatch, match="does not begin with"):
        gone_on(folder, (forged, new), TRUSTED)
    with pytest.raises(CheckpointInvalid, match="one is of"):
        gone_on(folder, (note(folder, "top"), new), TRUSTED)


def test_a_copy_of_what_was_signed_only_grows(log: Path, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "checkpoints", tmp_path / "elsewhere"
    a_round(log, folder)
    first = note(folder)
    assert len(copied(folder, elsewhere, TRUSTED)) == 3
    assert note(elsewhere) == first
    play(log, top_ups(300, 900))
    a_round(log, folder)
    copied(folder, elsewhere, TRUSTED)
    assert gone_on(elsewhere, (first, note(elsewhere)), TRUSTED).new == verified(note(folder), TRUSTED)
    other = tmp_path / "other"
    changed(log, REWRITTEN[0])
    rechain(log)
    a_round(log, other)
    kept = note(elsewhere)
    with pytest.raises(CheckpointMismatch, match="does not begin with"):
        copied(other, elsewhere, TRUSTED)
    assert note(elsewhere) == kept
