"""Checkpoints of a log: beside the write path, by a process of its own, one at a time.

A round reads what was committed since, takes it into the trees, writes tiles, signs, and at last adds what it signed to
the log of checkpoints, which is a tree itself: its checkpoint stands for everything. On start the whole log is held
against what was signed; one that is not the beginning that it was is never signed again.

    <folder>/<restart>/events-<partition>/      a tree of a partition's events
    <folder>/<restart>/decisions-<partition>/   and one of its journal
    <folder>/<restart>/top/                     the log of checkpoints
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from ledger.audit.transparency.checkpoint import Checkpoint, verified
from ledger.audit.transparency.heads import HeadsTree, heads_at, last_close
from ledger.audit.transparency.leaves import KINDS, Leaves
from ledger.audit.transparency.note import Signer, Verifier
from ledger.audit.transparency.published import EntryTree, PublishedTree
from ledger.audit.transparency.tiles import Frontier, write_public
from ledger.domain.calendar import Zone
from ledger.errors import CheckpointMismatch, LogLocked
from ledger.figures import grouped
from ledger.store.layout import intelligible
from ledger.store.lock import WriterLock
from ledger.store.reading import SqliteSnapshot

TOP = "top"
_LOOKED_BACK = 10_000
"""Entries of the log of checkpoints that are looked through for what stands there already; it may stand there twice."""
_LONGEST_REASON = 2_000


def origin_of(name: str, restart: int, tree: str) -> str:
    """The origin of a tree: `<name>/events-0`, and `<name>/2/events-0` after a restart."""
    return f"{name}/{tree}" if restart == 1 else f"{name}/{restart}/{tree}"


def tree_of(kind: Leaves, partition: int) -> str:
    """What a partition's tree is called."""
    return f"{kind.name}-{partition}"


def last_restart(folder: Path) -> int:
    """Which beginning of the checkpoints of a folder is the last; 1 where there are none yet."""
    found = [int(one.name) for one in folder.glob("[1-9]*") if one.is_dir() and one.name.isdecimal()]
    return max(found, default=1)


class Board(Protocol):
    """Where what was signed is put up for everybody, by one process at a time."""

    def newest(self) -> Mapping[str, bytes]:
        """The last note of each origin that was put up."""

    def put_up(self, notes: Mapping[str, bytes]) -> None:
        """Puts notes up by their origins, all or none. Raises WriterFenced where another process has begun since."""


class Checkpointer:
    """Signs what the partitions of a log have come to. Holds the folder for itself until it is closed."""

    def __init__(  # noqa: PLR0913 - what checkpoints are made of
        self,
        folder: Path,
        signers: Sequence[Signer],
        logs: Sequence[SqliteSnapshot],
        *,
        zone: Zone,
        restart: str | None = None,
        board: Board | None = None,
    ) -> None:
        """Opens the folder, and holds the whole log against what was signed before.

        `zone` is whose midnight ends a day; `restart` is why the log is not the one of before, after a restore: from
        then on checkpoints have an origin of their own, whose first entry names the last of before. What lies on the
        `board` has to be the beginning of what the folder holds.

        Raises LogLocked where another process makes checkpoints there, CheckpointMismatch where the log was cut short,
        rewritten or reordered, TilesDamaged, CheckpointInvalid, LogDamaged.
        """
        self.folder = folder
        self._signers = signers
        self._trusted: tuple[Verifier, ...] = tuple(signer.verifier for signer in signers)
        self._zone = zone
        self._trees: dict[str, PublishedTree] = {}
        self._told: dict[bytes, bytes] = {}
        """The last entry of each tree, schema and partition's heads in the log of checkpoints."""
        with ExitStack() as undone:
            self._lock = _locked(folder)
            undone.callback(self._lock.release)
            last = last_restart(folder)
            self._restart = last if restart is None else last + 1
            self._top = self._opened_top()
            if restart is not None:
                self._begin_again(restart, last)
            for entry in self._top.entries(max(0, self._top.checkpoint.size - _LOOKED_BACK)):
                self._told[_about(entry)] = entry
            for log in logs:
                for kind in KINDS:
                    must_be_the_same(log, kind, self._tree(log, kind))
            self._board = board
            self._must_hold_what_is_put_up()
            undone.pop_all()

    def close(self) -> None:
        """Gives the folder free."""
        self._lock.release()

    def round(self, logs: Iterable[SqliteSnapshot]) -> list[Checkpoint]:
        """Signs what is new, if anything is; the last of what it signed is the log of checkpoints' own.

        Raises CheckpointMismatch where a log is not the one that was signed, and LogDamaged.
        """
        signed = []
        for log in logs:
            for kind in KINDS:
                tree = self._tree(log, kind)
                _extend(log, kind, tree)
                checkpoint = tree.publish(self._signers)
                if checkpoint is not None:
                    signed.append(checkpoint)
            self._tell_of(log)
        for tree in self._trees.values():  # those signed before a process ended are told now
            if tree.checkpoint.size:
                self._tell(b"checkpoint\n" + tree.checkpoint.text.encode())
        top = self._top.publish(self._signers)
        if self._board is not None:
            trees = [*self._trees.values(), self._top]
            self._board.put_up({tree.origin: tree.note for tree in trees if tree.note})
        return signed if top is None else [*signed, top]

    def _must_hold_what_is_put_up(self) -> None:
        """Raises CheckpointMismatch where something was put up that this folder has not signed: another one did."""
        trees = {tree.origin: tree for tree in [*self._trees.values(), self._top]}
        before = {
            origin_of(self._signers[0].name, number, tree.folder.name)
            for number in range(1, self._restart)
            for tree in trees.values()
        }
        for origin, note in ({} if self._board is None else self._board.newest()).items():
            if origin in before:
                continue
            signed, tree = verified(note, self._trusted), trees.get(origin)
            size = 0 if tree is None else tree.checkpoint.size
            if tree is None or signed.size > size or tree.tree.root_at(signed.size) != signed.root:
                raise CheckpointMismatch(
                    f"{origin} of {signed.size:,} leaves was put up from another folder than {self.folder}:"
                    " go on in that one, or bring it here by `pulsa audit mirror`"
                )

    def _tell_of(self, log: SqliteSnapshot) -> None:
        """Adds the schemas that a log holds, and where its subjects stood at the last day's close."""
        with intelligible(log.path):
            rows = log.connection.execute(
                "SELECT fingerprint, name, schema FROM schemas ORDER BY fingerprint"
            )
            for mark, name, text in rows:
                digest = sha256(text.encode()).hexdigest()
                self._tell(f"schema\n{mark.hex()}\n{name}\n{digest}\n".encode())
        close = last_close(log, self._zone)
        if close is None:
            return
        begin = heads_at(log.partition, close)
        if not self._told.get(_about(begin), b"").startswith(begin):
            self._tell(HeadsTree(log, close).summary.entry)

    def _tell(self, entry: bytes) -> None:
        if self._told.get(_about(entry)) != entry:
            self._told[_about(entry)] = entry
            self._top.add(entry)

    def _begin_again(self, reason: str, before: int) -> None:
        old = self._opened_top(before)
        line = " ".join(reason.split())[:_LONGEST_REASON]
        write_public(self.folder / str(self._restart) / "reason", f"{line}\n".encode())
        self._tell(f"restart\n{line}\n{old.checkpoint.text}".encode())

    def _opened_top(self, restart: int | None = None) -> EntryTree:
        number = self._restart if restart is None else restart
        return EntryTree(
            self.folder / str(number) / TOP, origin_of(self._signers[0].name, number, TOP), self._trusted
        )

    def _tree(self, log: SqliteSnapshot, kind: Leaves) -> PublishedTree:
        name = tree_of(kind, log.partition)
        if name not in self._trees:
            self._trees[name] = PublishedTree(
                self.folder / str(self._restart) / name,
                origin_of(self._signers[0].name, self._restart, name),
                self._trusted,
            )
        return self._trees[name]


def must_be_the_same(log: SqliteSnapshot, kind: Leaves, signed: PublishedTree) -> None:
    """Raises CheckpointMismatch where a partition does not begin as it was signed, and says where it differs first."""
    size, count = signed.checkpoint.size, kind.count(log)
    frontier = Frontier()
    for hashes in kind.hashes(log, 0, min(size, count)):
        frontier.append(hashes)
    if count < size:
        place = _first_unlike(log, kind, signed, count)
        where = f"{kind.name} in partition {log.partition}"
        cut = f"{log.path} has {grouped(count)} {where}, and {grouped(size)} were signed"
        raise CheckpointMismatch(cut if place is None else f"{place} is not the one that was signed; {cut}")
    if frontier.root() != signed.checkpoint.root:
        place = _first_unlike(log, kind, signed, size)
        raise CheckpointMismatch(f"{place} is not the one that was signed")


def _first_unlike(log: SqliteSnapshot, kind: Leaves, signed: PublishedTree, count: int) -> str | None:
    """The first of so many leaves that is not as it was signed."""
    index = 0
    for hashes in kind.hashes(log, 0, count):
        for hash_ in hashes:
            if signed.tree.node(0, index) != hash_:
                return kind.place(log, index)
            index += 1
    return None


def _extend(log: SqliteSnapshot, kind: Leaves, tree: PublishedTree) -> None:
    """Takes in what is new of a partition, after what was taken in last is found as it was."""
    size, count = tree.size, kind.count(log)
    if count < size:
        raise CheckpointMismatch(
            f"{log.path} has {grouped(count)} {kind.name} in partition {log.partition}, and {grouped(size)} were signed"
        )
    if size:
        [[last]] = kind.hashes(log, size - 1, size)
        if tree.tree.node(0, size - 1) != last:
            raise CheckpointMismatch(f"{kind.place(log, size - 1)} is not the one that was signed")
    for hashes in kind.hashes(log, size, count):
        tree.tree.append(hashes)


def _about(entry: bytes) -> bytes:
    """What an entry of the log of checkpoints speaks of: its first two lines."""
    return b"\n".join(entry.split(b"\n", 2)[:2])


def _locked(folder: Path) -> WriterLock:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = WriterLock(str(folder))
    try:
        lock.acquire()
    except LogLocked as error:
        raise LogLocked(f"{folder}: another process makes checkpoints there") from error
    return lock
