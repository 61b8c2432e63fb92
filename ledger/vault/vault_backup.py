"""Backups of the vault: all its rows as they stand at one moment, in a file encrypted under its month's key.

A file is a line that names the format, a line of JSON (month, master key, when), and frames: a length of four bytes,
and AES-256-GCM of rows in MessagePack, bound to the lines before, to its place and to whether it is the last.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import DBAPIError

from ledger.errors import VaultBackupUnusable, VaultConflict, VaultKeyWrong
from ledger.vault.chance import Chance
from ledger.vault.copies_made import not_noted
from ledger.vault.master_keys import NONCE_BYTES, Wrapping
from ledger.vault.month_keys import MonthKeys
from ledger.vault.tables import (
    ALL,
    BACKUPS,
    CARRIED,
    COPIES,
    OF_LOG,
    OWN_KEYS,
    PERSONS,
    READINGS,
    VAULT,
    unreachable,
)
from ledger.vault.vault import Vault
from ledger.whole_files import written_whole

_FORMAT = b"pulsa vault backup 1\n"
_LENGTH = struct.Struct(">I")
_LARGEST = 64 << 20
"""Bytes of a frame."""
_ROWS = 1_000
"""Rows of a frame."""
_TABLES = {table.name: table for table in ALL}
_encode = msgspec.msgpack.encode


class BackedUp(NamedTuple):
    """A backup: persons in it, its month, when it was made (UTC microseconds), and the digest of its file."""

    persons: int
    month: str
    at: int
    digest: str


def back_up(vault: Vault, keys: MonthKeys, path: Path, at: int, chance: Chance) -> BackedUp:
    """Writes a backup, whole or not at all, and notes in the vault that it was made.

    Raises FileExistsError, OSError, KeyUnusable, VaultUnreachable.
    """
    if path.exists():
        raise FileExistsError(17, os.strerror(17), str(path))
    month, key = keys.now(at, chance)
    header = _FORMAT + json.dumps({"month": month, "master": vault.master.id, "at": at}).encode() + b"\n"
    with written_whole(path) as file:
        file.write(header)
        persons = _write(_Frames(file, AESGCM(key), sha256(header).digest(), chance), vault)
        file.seek(0)
        digest = _digest_of(file)
    with vault.transaction() as connection:
        connection.execute(insert(BACKUPS).values(at=at, month=month, digest=digest))
    return BackedUp(persons, month, at, digest.hex())


def restore(
    engine: Engine, master: Wrapping, keys: MonthKeys, path: Path, *, overwrite: bool = False
) -> BackedUp:
    """Puts a backup in place of what is in a vault's database, whole or not at all.

    Nothing of the log counts as carried out then: all its erasures are to be carried out again before it serves.
    Raises VaultBackupUnusable, VaultKeyWrong where another master key wraps what is in it, VaultConflict where persons
    are in the vault and `overwrite` is not said or they are another log's, KeyUnusable, VaultUnreachable.
    """
    try:
        with path.open("rb") as file:
            digest = _digest_of(file)
            file.seek(0)
            header, said = _header(file, path)
            if said["master"] != master.id:
                raise VaultKeyWrong(
                    f"{path}: its keys are wrapped by {said['master']}, and this is {master.id}"
                )
            frames = _frames(file, AESGCM(keys.of(said["month"])), sha256(header).digest(), path)
            with _begun(engine) as vault:
                persons = _replace(vault, frames, master.id, overwrite=overwrite)
                vault.execute(delete(CARRIED))
    except OSError as error:
        raise VaultBackupUnusable(f"{path}: {error.strerror}") from error
    return BackedUp(persons, said["month"], said["at"], digest.hex())


@contextmanager
def _begun(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise unreachable(error) from error


class _Frames:
    """Writes frames behind each other."""

    def __init__(self, file: BinaryIO, cipher: AESGCM, about: bytes, chance: Chance) -> None:
        self._file, self._cipher, self._about, self._chance = file, cipher, about, chance
        self._count = 0

    def write(self, content: list[Any], *, last: bool = False) -> None:
        """One more."""
        nonce = self._chance(NONCE_BYTES)
        place = self._about + struct.pack(">Q?", self._count, last)
        sealed = nonce + self._cipher.encrypt(nonce, _encode(content), place)
        self._file.write(_LENGTH.pack(len(sealed)) + sealed)
        self._count += 1


def _write(frames: _Frames, vault: Vault) -> int:
    """Writes every row; of how many persons."""
    persons = 0
    with vault.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for table in ALL:
            order = [*table.primary_key.columns]
            rows = (
                connection.execution_options(yield_per=_ROWS)
                .execute(select(table).order_by(*order))
                .mappings()
            )
            for part in rows.partitions(_ROWS):
                persons += len(part) if table is PERSONS else 0
                frames.write([str(table.name), [{str(name): row[name] for name in row} for row in part]])
    frames.write(["", [{"persons": persons}]], last=True)
    return persons


def _header(file: BinaryIO, path: Path) -> tuple[bytes, dict[str, Any]]:
    first, second = file.readline(100), file.readline(1_000)
    try:
        said = json.loads(second)
    except ValueError:
        said = None
    if first != _FORMAT or not isinstance(said, dict) or said.keys() != {"month", "master", "at"}:
        raise VaultBackupUnusable(f"{path}: it is no backup of a vault")
    return first + second, said


def _frames(file: BinaryIO, cipher: AESGCM, about: bytes, path: Path) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each frame with their table. Raises VaultBackupUnusable."""
    n, last, ended = 0, False, False
    while length := file.read(_LENGTH.size):
        size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else 0
        sealed = file.read(size) if 0 < size <= _LARGEST else b""
        if ended or len(sealed) != size or size <= NONCE_BYTES:
            raise VaultBackupUnusable(f"{path}: it is damaged or cut off at frame {n}")
        for last in (False, True):
            try:
                place = about + struct.pack(">Q?", n, last)
                content = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
                break
            except InvalidTag:
                continue
        else:
            raise VaultBackupUnusable(
                f"{path}: frame {n} does not open: it was changed, or its key is another"
            )
        ended, n = last, n + 1
        table, rows = msgspec.msgpack.decode(content)
        yield table, rows
    if not ended:
        raise VaultBackupUnusable(f"{path}: it is cut off after frame {n}")


def _replace(
    vault: Connection, frames: Iterator[tuple[str, list[Any]]], master: str, *, overwrite: bool
) -> int:
    there = vault.execute(select(PERSONS.c.customer).limit(1)).first() is not None
    if there and not overwrite:
        raise VaultConflict("persons are in the vault already; --overwrite puts the backup in their place")
    of_log = select(OF_LOG.c.digest)
    before = vault.execute(of_log).scalar_one_or_none() if there else None
    for table in ALL:
        if table not in (OWN_KEYS, COPIES):
            vault.execute(delete(table))
    vault.execute(delete(OWN_KEYS).where(OWN_KEYS.c.master != master))  # which nobody here can unwrap
    persons = 0
    for name, rows in frames:
        if name == "":
            persons = rows[0]["persons"]
            continue
        table = _TABLES[name]
        if table in (READINGS, BACKUPS):  # numbered by the database, in their order
            for row in rows:
                del row["n"]
        if table is OWN_KEYS:  # one that was made since then stays: what it names is in the log
            vault.execute(delete(table).where(table.c.name.in_([row["name"] for row in rows])))
        new = rows
        if table is COPIES:  # what was noted since then, or what became of one, stays
            new = not_noted(vault, rows)
        if new:
            vault.execute(insert(table), new)
    if vault.execute(select(VAULT)).one_or_none() is None:
        raise VaultBackupUnusable("the backup holds no vault")
    if None not in (before, noted := vault.execute(of_log).scalar_one_or_none()) and noted != before:
        raise VaultConflict(
            "the backup is of another log than the persons in the vault; it may be put into a database of its own"
        )
    return persons


def _digest_of(file: BinaryIO) -> bytes:
    digest = sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.digest()
