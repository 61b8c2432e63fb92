"""A dry run at the desk: every verb that writes has one, it says what the run then says, and nothing is written."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.domain.kinds import COMMANDS
from ledger.entrypoints.cli import tree
from ledger.entrypoints.cli.branches import paths
from tests.entrypoints.pulsa import NUMBER, START, Pulsa

CUSTOMER = "customer/CAB3DE4FG5HI6JK7LM8NO"
REGISTER = ("customer", "register", CUSTOMER, "--terms", "privacy-smarty", "--source", "gallery")
RECTIFY = ("customer", "rectify", CUSTOMER)
NOTHING = "dry run: nothing is written\n"
TAKERS = frozenset({"taker", "writer", "resend"})
"""What hands out something that takes commands."""
SERVES = frozenset({"service run", "service write", "service advance"})
"""Verbs that go on until they are stopped: they serve commands of others."""


def called(function: ast.AST) -> Iterator[str]:
    """Every function and method that is named within one."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def writes(module: str, name: str) -> bool:
    """Whether a function of a module of verbs, or one there that it names, gives commands to the ledger."""
    source = Path(tree.__file__).with_name(f"{module}.py").read_text("utf-8")
    functions = {one.name: one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)}
    seen: set[str] = set()
    wanted = [name]
    while wanted:
        one = wanted.pop()
        if one in functions and one not in seen:
            seen.add(one)
            named = set(called(functions[one]))
            if named & TAKERS:
                return True
            wanted += named
    return False


def test_every_verb_that_writes_to_the_log_can_be_tried(pulsa: Pulsa) -> None:
    writing = []
    for path, verb in paths():
        module, _, name = verb.does.partition(":")
        if path not in SERVES and (verb.does in COMMANDS or (name and writes(module, name))):
            writing.append(path)
            assert "--dry-run" in pulsa.done(*path.split(), "--help"), path
    assert {
        "ingest",
        "log advance",
        "statement receive",
        "reconcile",
        "customer register",
        "customer rectify",
    } <= {*writing}
    assert len(writing) > 40


@pytest.fixture
def desk(tmp_path: Path) -> Pulsa:
    key = tmp_path / "keys" / "vault.key"
    key.parent.mkdir()
    pulsa = Pulsa(tmp_path, PULSA_VAULT_KEY=str(key))
    pulsa.done("vault", "new-key", str(key))
    return pulsa


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for those that SQLite keeps beside one that is read."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


def said(
    desk: Pulsa, asked: tuple[str, ...], values: dict[str, str], *more: str
) -> tuple[int, dict[str, object]]:
    feed = json.dumps(values)
    result = desk(*asked, "--values", "-", "--at", START, "--command-id", "c-1", "--json", *more, feed=feed)
    return result.exit_code, json.loads(result.stdout)


def test_a_person_is_registered_for_trial_and_neither_log_nor_vault_is_there(desk: Pulsa) -> None:
    before = contents(desk.folder)
    tried = said(desk, REGISTER, {"name": "Budi"}, "--dry-run")
    assert contents(desk.folder) == before
    assert tried[1].pop("dry_run") is True
    assert said(desk, REGISTER, {"name": "Budi"}) == tried
    assert tried[1]["status"] == "accepted"


@pytest.mark.parametrize(
    ("values", "status"), [({"email": "a@example.net"}, "accepted"), ({"religion": "x"}, "refused")]
)
def test_a_correction_for_trial_leaves_log_and_vault_byte_for_byte(
    desk: Pulsa, values: dict[str, str], status: str
) -> None:
    feed = json.dumps({"name": "Budi"})
    assert desk(*REGISTER, "--values", "-", "--at", START, feed=feed).exit_code == 0
    before = contents(desk.folder)
    tried = said(desk, RECTIFY, values, "--dry-run")
    assert contents(desk.folder) == before
    assert tried[1].pop("dry_run") is True
    assert tried[1]["status"] == status
    assert said(desk, RECTIFY, values) == tried
    assert said(desk, RECTIFY, values, "--dry-run")[1]["status"] == "repeated"


def test_a_statement_for_trial_leaves_neither_evidence_nor_a_key(pulsa: Pulsa) -> None:
    pulsa.active()
    mapping = pulsa.file(
        "channel.toml",
        'kind = "channel"\nfields = ["reference", "account", "date", "amount"]\nnumber = "july"\n'
        f'account = "{NUMBER}"\n',
    )
    asked = (
        "statement",
        "receive",
        pulsa.file("july.csv", f"x-1,{NUMBER},2023-07-03,11000"),
        "--mapping",
        mapping,
    )
    before = contents(pulsa.folder)
    (tried,) = pulsa.json(*asked, "--dry-run", "--now", START)
    assert pulsa.done(*asked, "--dry-run", "--now", START).endswith(NOTHING)
    assert contents(pulsa.folder) == before
    assert tried.pop("dry_run") is True
    assert pulsa.json(*asked, "--now", START) == [tried]
    after = contents(pulsa.folder)
    (again,) = pulsa.json(*asked, "--dry-run", "--now", START)
    assert again["status"] == "repeated"
    assert contents(pulsa.folder) == after
