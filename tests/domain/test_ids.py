"""How subjects and their streams are named: what is made of names is read back, and nothing else is taken for it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from ledger.domain import ids, kinds
from tests.given import NUMBER

ROOT = Path(__file__).resolve().parents[2]
_READS = re.compile(r"""partition\(b?["']#|["'](?:log|apart)@|["']terms/|\bisdigit\(\)|["']#["']""")


def test_an_account_is_its_numbers() -> None:
    account = ids.account_of(NUMBER, 2)
    assert account == f"{NUMBER}#2"
    assert ids.subject_of(account) == ids.subject_of(NUMBER) == NUMBER
    assert ids.is_of_line(account)
    assert ids.is_of_line(NUMBER)
    assert (ids.is_account(account), ids.is_account(NUMBER)) == (True, False)
    low, high = ids.streams_of(NUMBER)
    assert low < account < high
    assert low < ids.account_of(NUMBER, 10) < high
    assert not low < ids.account_of(f"{NUMBER}1", 1) < high


def test_a_kind_is_known_by_how_its_ids_begin() -> None:
    begins = {prefix: kind for kind in kinds.KINDS.values() for prefix in kind.prefixes}
    assert begins
    for prefix, kind in begins.items():
        assert [kinds.kind_of(f"{prefix}{rest}") for rest in ("a", "a/b@3", "")] == [kind] * 3
        assert kinds.kind_of(prefix[:-1]) is None
        assert kinds.kind_of(f"x{prefix}a") is None


@pytest.mark.parametrize("made", [ids.log_of(7), ids.apart_of(7), ids.terms_of("a-2023", 7)])
def test_what_is_the_partitions_own_names_it(made: str) -> None:
    assert ids.partition_named(made) == 7
    assert ids.subject_of(made) == made
    assert not ids.is_of_line(made)
    assert ids.is_partition(made) is (made == "log@7")
    assert ids.is_apart(made) is (made == "apart@7")
    assert (ids.TERMS[0] <= made < ids.TERMS[1]) is (made == "terms/a-2023@7")


@pytest.mark.parametrize(
    "id_", ["log@", "log@07", "log@-1", "log@1 ", "log@x", "terms/a/b@1", "terms/a@b@1", "a@1", ""]
)
def test_what_only_looks_so_names_no_partition(id_: str) -> None:
    assert ids.partition_named(id_) is None
    assert not ids.is_partition(id_)


@pytest.mark.parametrize("id_", [f"{NUMBER}#1", f"{NUMBER}/x", f"{NUMBER}@1", "terms/a@1", "apart@0"])
def test_no_command_addresses_a_stream(id_: str) -> None:
    assert not kinds.is_subject(id_)
    assert kinds.is_subject(NUMBER)
    assert kinds.is_subject("log@0")


def test_sqlite_reads_them_alike() -> None:
    streams = [NUMBER, f"{NUMBER}#12", "log@0", "terms/a@0"]
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE streams (originator_id)")
        connection.executemany("INSERT INTO streams VALUES (?)", [(one,) for one in streams])
        found = [row[0] for row in connection.execute(f"SELECT {ids.SUBJECT_SQL} FROM streams")]
    connection.close()
    assert found == [ids.subject_of(one) for one in streams]


def test_nobody_else_reads_an_id() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("ledger", "projections")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in {"ids.py", "kinds.py", "kind.py", "drawing.py", "drafting.py", "verify.py"}
        and not {"simulation", "demo"} & set(path.parts)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if _READS.search(line)
    ]
    assert found == []
