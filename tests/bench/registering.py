"""Persons: what registering costs beside the ciphertexts alone, and how long the erasure of one takes among many."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.application.ledger import Ledger
from ledger.domain.calendar import SECOND
from ledger.domain.commands import Command
from ledger.domain.customer.commands_of_persons import ErasePerson, RegisterCustomer
from ledger.domain.customer.events_of_persons import PersonErased
from ledger.domain.prepaid.commands import Activate, IssueStarterPack
from ledger.terms import bundled
from ledger.vault.copies_made import CopyMade, noted_first
from ledger.vault.master_keys import new_master_key
from ledger.vault.tables import COPIES, engine_of, insert_many
from ledger.vault.vault import Vault, Writing
from ledger.wiring.composition import opened
from ledger.wiring.copy_keepers import ARCHIVES, THE_VAULT
from ledger.wiring.erasures_carried_out import carry_out_erasures
from ledger.wiring.settings import Settings
from tests.bench.report import Figure, of_pairs
from tests.given import SP23, day, ledger_on

_FIELDS = ("name", "identity-number", "birth-date", "email", "address", "bank-account")
_BATCH = 500
_AT = 1_700_000_000 * SECOND
_CIPHERTEXT = 60
"""Bytes of a value with its nonce and tag."""
_ERASED = 15
_ARCHIVE = bytes(1 << 20)
_LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")
"""Ids are in base 32."""


def registering(folder: Path, runs: int, count: int) -> list[Figure]:
    """Customers of six fields each, into vault and log, beside as many ciphertexts by plain SQL, as durable.

    By the time of the processor, in turn.
    """
    pairs = [
        (
            count / _registered(folder / f"registered-{run}", count),
            count / _inserted(folder / f"inserted-{run}.db", count),
        )
        for run in range(runs)
    ]
    what = f"registering {count:,} customers with six fields each"
    return [of_pairs(what, "customers/s", "their ciphertexts by plain SQL", pairs, at_least="0.3")]


def _registered(folder: Path, count: int) -> float:
    folder.mkdir()
    engine = engine_of(f"sqlite:///{folder / 'vault.db'}")
    kept = Vault(engine, new_master_key(secrets.token_bytes(32), folder / "key"), secrets.token_bytes)
    with ledger_on(folder / "log.db", bundled()) as ledger:
        began = time.process_time()
        for numbers in _in_batches(count):
            _register_all(ledger, kept, numbers)
        took = time.process_time() - began
    engine.dispose()
    return took


def _register_all(ledger: Ledger, kept: Vault, numbers: range) -> None:
    writings = [
        Writing(_id(n), f"r-{n}", {one: f"{one} of person {n}" for one in _FIELDS}, _AT) for n in numbers
    ]
    digests = kept.write_all(writings)
    said: list[Command] = [
        _register(one.customer, one.command_id, digest.hex())
        for one, digest in zip(writings, digests, strict=True)
    ]
    outcomes = ledger.execute(said)
    assert all(one.code is None for one in outcomes), outcomes[0]


def _register(customer: str, command_id: str, digest: str) -> RegisterCustomer:
    return RegisterCustomer(
        at=_AT,
        command_id=command_id,
        actor="system",
        customer=f"customer/{customer}",
        terms="privacy-smarty",
        fields=list(_FIELDS),
        digest=digest,
        source="gallery",
    )


def _inserted(path: Path, count: int) -> float:
    columns = "customer TEXT, field TEXT, version INTEGER, sealed BLOB"
    table = f"CREATE TABLE v ({columns}, PRIMARY KEY (customer, field, version))"
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("PRAGMA synchronous=FULL")
        plain.execute(table)
        sealed = secrets.token_bytes(_CIPHERTEXT)
        began = time.process_time()
        for numbers in _in_batches(count):
            plain.execute("BEGIN")
            rows = [(_id(n), one, 1, sealed) for n in numbers for one in _FIELDS]
            plain.executemany("INSERT INTO v VALUES (?,?,?,?)", rows)
            plain.execute("COMMIT")
        return time.process_time() - began


def erasing(folder: Path, few: int, many: int) -> list[Figure]:
    """One of many, beside one of few: decided and recorded, and carried out by everybody who keeps copies."""
    one_of_few, one_of_many = (
        _erased(folder / name, count) for name, count in (("few", few), ("many", many))
    )
    what = f"erasing one of {many:,} customers, the slowest"
    return [Figure(what, "s", one_of_many, f"one of {few:,}", one_of_few, at_least="under 1 s")]


def _erased(folder: Path, count: int) -> float:
    """The slowest of some, of so many who are all in the vault and in the log, each with an archive of access."""
    folder.mkdir()
    master = new_master_key(secrets.token_bytes(32), folder / "key")
    settings = Settings(
        log=folder / "log.db", vault=f"sqlite:///{folder / 'vault.db'}", vault_key=folder / "key"
    )
    engine = engine_of(settings.vault_url)
    kept = Vault(engine, master, secrets.token_bytes)
    took: list[float] = []
    with ledger_on(settings.log, bundled()) as ledger, opened(settings) as log:
        for numbers in _in_batches(count):
            _register_all(ledger, kept, numbers)
            with kept.transaction() as connection:
                insert_many(connection, COPIES, [_noted_of(n) for n in numbers])
        carry_out_erasures(log, kept)
        for n in range(0, count, -(-count // _ERASED)):
            archive = folder / f"{n}.zip"
            copy = CopyMade(_id(n), _AT + 1, "access", _id(n), sha256(_ARCHIVE).digest(), 1, archive)
            with noted_first(kept, [copy], secrets.token_bytes):
                archive.write_bytes(_ARCHIVE)
            own = {"decided_by": "staff-1", "approved_by": "staff-2", "actor": "staff-1"}
            command = ErasePerson(at=_AT + 1, command_id=f"e-{n}", customer=f"customer/{_id(n)}", **own)
            began = time.perf_counter()
            [outcome] = ledger.execute([command])
            assert outcome.events[-1].type == PersonErased.TOPIC, outcome
            reached = carry_out_erasures(log, kept)
            took.append(time.perf_counter() - began)
            assert (reached[ARCHIVES.name], reached[THE_VAULT.name], archive.exists()) == (1, 1, False)
    engine.dispose()
    return max(took)


def _noted_of(n: int) -> tuple[Any, ...]:
    """An archive that was handed over long ago."""
    return (_id(n), _AT, bytes(32), "access", _id(n), 1, bytes(60), None)


def _id(n: int) -> str:
    return "C" + f"{n:020}".translate(_LETTERS)


def _in_batches(count: int) -> Iterator[range]:
    for first in range(0, count, _BATCH):
        yield range(first, min(first + _BATCH, count))


def activating(folder: Path, runs: int, count: int) -> list[Figure]:
    """Numbers activated for persons, who are told of each, beside as many for ids that no customer can have.

    By the time of the processor, in turn.
    """
    pairs = [
        (
            count / _activated(folder / f"told-{run}.db", count, _id),
            count / _activated(folder / f"untold-{run}.db", count, lambda n: f"nobody/{n}"),
        )
        for run in range(runs)
    ]
    what = "`Activate` with its policy to the customer"
    return [of_pairs(what, "commands/s", "without", pairs, at_least="0.7")]


def _activated(path: Path, count: int, customer: Callable[[int], str]) -> float:
    numbers = [str(6288100000000 + n) for n in range(count)]
    pack: dict[str, Any] = {"terms": SP23, "printed_credit": 0, "valid_until": day("2030-12-31")}
    verified: dict[str, Any] = {"channel": "sms-4444", "registration": "verified"}
    issued: list[Command] = [
        IssueStarterPack(at=_AT, command_id="i", msisdn=number, **pack) for number in numbers
    ]
    activated: list[Command] = [
        Activate(at=_AT, command_id="a", msisdn=number, customer=customer(n), **verified)
        for n, number in enumerate(numbers)
    ]
    with ledger_on(path, bundled()) as ledger:
        for part in _in_batches(count):
            ledger.execute(issued[part.start : part.stop])
        began = time.process_time()
        for part in _in_batches(count):
            outcomes = ledger.execute(activated[part.start : part.stop])
            assert all(one.code is None for one in outcomes), outcomes[0]
        return time.process_time() - began
