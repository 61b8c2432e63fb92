"""How subjects and their streams are named: what is made of names is read back, and nothing else is taken for it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from ledger.domain import kinds
from tests.given import NUMBER

ROOT = Path(__file__).resolve().parents[2]
_READS = re.compile(r"""partition\(b?["']#|["'](?:log|apart)@|["']terms/|\bisdigit\(\)|["']#["']""")


def test_an_account_is_its_numbers() -> None:
    account = kinds.account_of(NUMBER, 2)
    assert account == f"{NUMBER}#2"
    assert kinds.subject_of(account) == kinds.subject_of(NUMBER) == NUMBER
    assert kinds.is_of_line(account)
    assert kinds.is_of_line(NUMBER)
    assert (kinds.is_account(account), kinds.is_account(NUMBER)) == (True, False)
    low, high = kinds.streams_of(NUMBER)
    assert low < account < high
    assert low < kinds.account_of(NUMBER, 10) < high
    assert not low < kinds.account_of(f"{NUMBER}1", 1) < high


@pytest.mark.parametrize("made", [kinds.log_of(7), kinds.apart_of(7), kinds.terms_of("a-2023", 7)])
def test_what_is_the_partitions_own_names_it(made: str) -> None:
    assert kinds.partition_named(made) == 7
    assert kinds.subject_of(made) == made
    assert not kinds.is_of_line(made)
    assert kinds.is_partition(made) is (made == "log@7")
    assert kinds.is_apart(made) is (made == "apart@7")
    assert (kinds.TERMS[0] <= made < kinds.TERMS[1]) is (made == "terms/a-2023@7")


@pytest.mark.parametrize(
    "id_", ["log@", "log@07", "log@-1", "log@1 ", "log@x", "terms/a/b@1", "terms/a@b@1", "a@1", ""]
)
def test_what_only_looks_so_names_no_partition(id_: str) -> None:
    assert kinds.partition_named(id_) is None
    assert not kinds.is_partition(id_)


@pytest.mark.parametrize("id_", [f"{NUMBER}#1", f"{NUMBER}/x", f"{NUMBER}@1", "terms/a@1", "apart@0"])
def test_no_command_addresses_a_stream(id_: str) -> None:
    assert not kinds.is_subject(id_)
    assert kinds.is_subject(NUMBER)
    assert kinds.is_subject("log@0")


def test_sqlite_reads_them_alike() -> None:
    ids = [NUMBER, f"{NUMBER}#12", "log@0", "terms/a@0"]
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE streams (originator_id)")
        connection.executemany("INSERT INTO streams VALUES (?)", [(one,) for one in ids])
        found = [row[0] for row in connection.execute(f"SELECT {kinds.SUBJECT_SQL} FROM streams")]
    connection.close()
    assert found == [kinds.subject_of(one) for one in ids]


def test_nobody_else_reads_an_id() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("ledger", "projections")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in {"kinds.py", "kind.py", "drawing.py", "drafting.py", "verify.py"}
        and not {"simulation", "demo"} & set(path.parts)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if _READS.search(line)
    ]
    assert found == []
