"""A bundle of a dispute that a statement brought about: its line is in it, checked; of others' lines nothing is."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.evidence.checking import checked
from ledger.audit.transparency.note import verifier_of
from ledger.errors import EvidenceWrong
from tests.audit.test_evidence import STANDALONE, edited, parts_of, zipped
from tests.entrypoints.pulsa import NUMBER, Pulsa
from tests.entrypoints.test_statement_verbs import CLOSED, LATER, OPENED, OPENING
from tests.given import OTHER

DAY_AFTER = "2023-08-08T00:00:00+07:00"


def decided(pulsa: Pulsa, statement: str, line: int) -> tuple[str, str, Path]:
    """The dispute about a line, the key that signed the log after the record has prevailed, and the bundle of it."""
    pulsa.done("reconcile", statement, "--open", "--now", LATER)
    dispute = f"D-{statement.removeprefix('statement/')}-{line}"
    how = ("--decision", "overridden", "--reason", "record", "--decided-by", "staff-3", "--actor", "staff-3")
    pulsa.done("dispute", "decide", NUMBER, "--dispute", dispute, *how, "--now", LATER)
    pulsa.done("log", "advance", "--now", DAY_AFTER)
    key = pulsa.done("audit", "new-key", str(pulsa.folder / "key"), "--name", "ledger.example").strip()
    pulsa.done("audit", "checkpoint", "--key", str(pulsa.folder / "key"))
    target = pulsa.folder / "evidence.zip"
    assert "; signed" in pulsa.done("dispute", "bundle", dispute, str(target), "--trust", key)
    return dispute, key, target


def both(content: bytes, key: str, path: Path, line: bytes | None = None) -> list[str] | None:
    """What both programs tell of a bundle, alike; None where they find something wrong."""
    path.write_bytes(content)
    try:
        ours: list[str] | None = checked(path, verifier_of(key), line)
    except EvidenceWrong:
        ours = None
    try:
        theirs: list[str] | None = STANDALONE.checked(str(path), key, line)
    except STANDALONE.Wrong:
        theirs = None
    assert ours == theirs
    return ours


@pytest.fixture
def billed(pulsa: Pulsa) -> tuple[str, Path]:
    """The key, and the bundle of a dispute about a bill that was printed with another total."""
    pulsa.done("contract", "open", NUMBER, *OPENING, "--registration", "verified", "--now", OPENED)
    pulsa.done("log", "advance", "--now", CLOSED)
    bill = pulsa.json("bill", "show", f"{NUMBER}-1-B0001", "--now", CLOSED)[0]
    file = pulsa.file("bill.json", bill | {"total": "90000"})
    (said,) = pulsa.json("statement", "receive", file, "--now", CLOSED)
    _, key, target = decided(pulsa, said["statement"], 3)
    return key, target


def test_a_bills_line_is_recomputed_with_the_difference_that_it_makes(
    billed: tuple[str, Path], tmp_path: Path
) -> None:
    key, target = billed
    content = target.read_bytes()
    parts = parts_of(content)
    said = both(content, key, tmp_path / "again.zip")
    assert said is not None
    line = json.loads(parts["line.json"])
    name = f"line 3 of {line['statement']}"
    assert f"{name} is as it stood" in said
    assert f"{name} states 90000, the record says 103838.71: the difference is -13838.71" in said
    assert sha256(bytes.fromhex(line["salt"]) + line["text"].encode()).hexdigest() == line["raw"]
    page = parts["index.html"].decode()
    assert "It stood there so" in page
    rows = [json.loads(row) for row in parts["statement.jsonl"].splitlines()]
    assert [row["type"] for row in rows] == [
        "ledger.statement.StatementBegun",
        "ledger.statement.StatementLinesAdded",
    ]

    def with_line(**own: object) -> bytes:
        return zipped(parts | {"line.json": json.dumps(line | own).encode()})

    def with_rows(edit: Callable[[list[Any]], None]) -> bytes:
        return zipped(parts | {"statement.jsonl": edited(parts["statement.jsonl"], edit)})

    def tell(place: int, name: str, value: object) -> Callable[[list[Any]], None]:
        def edit(rows: list[Any]) -> None:
            rows[place][name] = value

        return edit

    wrong = [
        with_line(text=line["text"].replace("90000", "90001")),
        with_line(salt="00" * 32),
        with_line(raw="00" * 32),
        with_line(line=2),
        with_line(statement="statement/" + "0" * 32),
        with_rows(lambda rows: rows.reverse()),
        with_rows(lambda rows: rows.append(rows[1])),
        with_rows(lambda rows: rows.pop(0)),
        with_rows(tell(0, "before", "11" * 32)),
        with_rows(tell(0, "ordinal", 1)),
        with_rows(tell(1, "partition", 1)),
        with_rows(tell(1, "event", {})),
        with_rows(tell(1, "digest", "11" * 32)),
        zipped({name: part for name, part in parts.items() if name != "line.json"}),
        zipped({name: part for name, part in parts.items() if name != "statement.jsonl"}),
        zipped(
            {name: part for name, part in parts.items() if f"events-0/{rows[0]['ordinal']}.tlog" not in name}
        ),
    ]
    assert [both(one, key, tmp_path / "changed.zip") for one in wrong] == [None] * len(wrong)
    bare = {name: part for name, part in parts.items() if name not in ("line.json", "statement.jsonl")}
    bare = {
        name: part
        for name, part in bare.items()
        if not any(f"events-0/{row['ordinal']}.tlog" in name for row in rows)
    }
    assert both(zipped(bare), key, tmp_path / "changed.zip") is None, (
        "the schemas of its events are of nothing"
    )
    marks = [row["state"][:16] for row in rows]
    entered = [
        name.removesuffix("entry")
        for name, part in bare.items()
        if name.startswith("proofs/top/") and part.decode().split("\n")[1] in marks
    ]
    left = (*entered, *(f"schemas/{mark}" for mark in marks))
    bare = {name: part for name, part in bare.items() if not name.startswith(left)}
    without = both(zipped(bare), key, tmp_path / "changed.zip")
    assert without is not None
    assert any(one.startswith("THE STATEMENT IS NOT IN IT") for one in without)


def test_of_a_channels_lines_only_who_has_them_is_told_and_only_of_one(pulsa: Pulsa, tmp_path: Path) -> None:
    for number in (NUMBER, OTHER):
        pulsa.active(number)
        sold = ("--credit", "10000", "--price", "11000", "--channel", "app", "--command-id", "t-1")
        pulsa.done("credit", "top-up", number, *sold, "--now", "2023-07-30T10:00:00+07:00")
    rows = [f"t-1,{NUMBER},2023-07-30,12000,Siti Aminah", f"t-1,{OTHER},2023-07-30,11000,Budi Santoso"]
    mapping = (
        'kind = "channel"\nnumber = "week-31"\nfields = ["reference", "account", "date", "amount", "name"]\n'
    )
    asked = (pulsa.file("week.csv", *rows), "--mapping", pulsa.file("week.toml", mapping), "--now", CLOSED)
    (said,) = pulsa.json("statement", "receive", *asked)
    pulsa.done("log", "advance", "--now", CLOSED)
    dispute, key, target = decided(pulsa, said["statement"], 1)
    content = target.read_bytes()
    parts = parts_of(content)
    for name, part in parts.items():
        for planted in ("Siti", "Aminah", "Budi", "Santoso", OTHER):
            assert planted.encode() not in part, (name, planted)
    told = both(content, key, tmp_path / "again.zip")
    assert told is not None
    [held] = [one for one in told if one.startswith("NOT HELD AGAINST THE STATEMENT: line 1 of ")]
    assert f"{dispute}: StatementOverridden, 12000 was stated, the record says 11000 IDR" in told
    with_line = both(content, key, tmp_path / "again.zip", rows[0].encode())
    assert with_line is not None
    assert f"line 1 of {said['statement']} is as it stood" in with_line
    assert both(content, key, tmp_path / "again.zip", rows[1].encode()) is None
    stood = pulsa.folder / "line"
    stood.write_bytes(rows[0].encode())
    shown = pulsa.done("audit", "verify-bundle", str(target), "--trust", key, "--line", str(stood))
    assert "is as it stood" in shown
    assert held not in shown
    _nothing_is_done_any_more_with_a_file_that_is_over(pulsa, said["statement"], dispute, key)


def _nothing_is_done_any_more_with_a_file_that_is_over(
    pulsa: Pulsa, statement: str, dispute: str, key: str
) -> None:
    """It was received on 5 August, and kept for two days after that; it is told, swept, and told to be gone."""
    stated = {"PULSA_EVIDENCE_DAYS": "2", "PULSA_VAULT_KEY": str(pulsa.folder / "vault.key")}
    before, over = ("--now", "2023-08-07T23:59:59.999999+07:00"), ("--now", DAY_AFTER)
    pulsa.done("vault", "new-key", stated["PULSA_VAULT_KEY"])
    folder = Path(f"{pulsa.log}.evidence")
    (kept,) = folder.iterdir()
    rows = pulsa.json("reconcile", statement)
    bundle = ("dispute", "bundle", dispute, str(pulsa.folder / "late.zip"), "--trust", key)

    def swept(*now: str) -> dict[str, int]:
        return pulsa.json("vault", "sweep", *now, **stated)[0]["reached"]  # type: ignore[no-any-return]

    assert (pulsa.json("vault", "check", *before, **stated), swept(*before)) == (
        [],
        {"the vault": 0, "files of statements": 0},
    )
    for verb in (("reconcile", statement, "--open"), bundle):
        assert pulsa.complaint(*verb, *over, **stated).startswith(f"evidence-expired: {statement}")
    checked = pulsa("vault", "check", "--json", *over, **stated)
    (found,) = map(json.loads, checked.stdout.splitlines())
    assert (found["kind"], found["about"], found["keeper"]) == (
        *("file-past-its-time", kept.name),
        "files of statements",
    )
    assert kept.exists()
    assert swept(*over) == {"the vault": 0, "files of statements": 1}
    assert (list(folder.iterdir()), pulsa.json("vault", "check", *over, **stated)) == ([], [])
    (report,) = pulsa.json("log", "verify", *over, **stated)
    assert (report["clean"], [one["account"] for one in report["gone"]]) == (True, [statement])
    said = pulsa.done("log", "verify", *over, **stated).split()
    assert " ".join(said).endswith("; 1 file of evidence deleted, as over")
    lost = pulsa("log", "verify", *over)  # with ten years to go
    assert (lost.exit_code, "No such file" in lost.output) == (1, True)
    for verb in (("reconcile", statement, "--record"), bundle):
        assert pulsa.complaint(*verb, *over, **stated).startswith(f"evidence-expired: {statement}")
    assert pulsa.json("reconcile", statement, **stated) == rows  # of what the log itself has
