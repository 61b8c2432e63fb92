"""An evidence bundle: who trusts nobody can check it, and what is changed in it is found, by two programs alike."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from io import BytesIO
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.audit.evidence import bundle as bundling
from ledger.audit.evidence.bundle import Signed, bundle
from ledger.audit.evidence.checking import checked
from ledger.audit.evidence.collected import Question
from ledger.audit.transparency.checkpointing import Checkpointer
from ledger.audit.transparency.note import Signer
from ledger.domain.calendar import DAY, zone
from ledger.errors import EvidenceRefused, EvidenceWrong, LedgerError, QueryRefused
from ledger.store.reading import SqliteReader, SqliteSnapshot
from ledger.wiring.composition import opened
from ledger.wiring.settings import Settings
from tests.often import often
from tests.projections.histories import BEGIN, NUMBERS, a_log, play
from tests.projections.histories import closing as closed
from tests.waiting import PATIENCE

SIGNER = Signer("ledger.example", bytes(range(32)))
KEY = SIGNER.verifier
JAKARTA = zone("Asia/Jakarta")
VERIFY = Path(bundling.__file__).with_name("verify.py")
KNOWN_AT = BEGIN + 1000 * DAY


class Made:
    def __init__(self, log: Path, signed: Signed, content: bytes) -> None:
        self.log, self.signed, self.content = log, signed, content


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A log, closed and signed, and the bundle of one of its numbers."""
    folder = tmp_path_factory.mktemp("evidence")
    log = a_log(folder / "log.db")
    play(log, [closed(KNOWN_AT, "close again")])
    signed = checkpoints_of(log)
    return Made(log, signed, a_bundle(log, signed))


def checkpoints_of(log: Path) -> Signed:
    """What a log has come to, signed."""
    signed = Signed(log.with_name("checkpoints"), SIGNER.name, (KEY,))
    with (
        reading(log) as found,
        closing(Checkpointer(signed.folder, [SIGNER], [found], zone=JAKARTA)) as checkpoints,
    ):
        checkpoints.round([found])
    return signed


@contextmanager
def reading(log: Path) -> Iterator[SqliteSnapshot]:
    with SqliteReader(log).snapshot() as found:
        yield found


def a_bundle(log: Path, signed: Signed | None, msisdn: str = NUMBERS[0], as_of: int = KNOWN_AT) -> bytes:
    with reading(log) as found:
        return bundle(found, Question(msisdn, as_of, KNOWN_AT), JAKARTA, signed)


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes], *, manifest: bool = True) -> bytes:
    """A bundle of parts, whose manifest names them as they are now."""
    if manifest and "manifest.json" in parts:
        said = json.loads(parts["manifest.json"])
        said["parts"] = {
            name: sha256(part).hexdigest() for name, part in parts.items() if name != "manifest.json"
        }
        parts = parts | {"manifest.json": json.dumps(said).encode()}
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target.getvalue()


def load_verify() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundled_verify", VERIFY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STANDALONE = load_verify()


def both(content: bytes, path: Path, key: bool = True) -> tuple[list[str] | None, list[str] | None]:
    """What each of the two programs tells of a bundle; None where something in it is not so."""
    path.write_bytes(content)
    try:
        ours: list[str] | None = checked(path, KEY if key else None)
    except EvidenceWrong:
        ours = None
    try:
        theirs: list[str] | None = STANDALONE.checked(str(path), str(KEY) if key else None)
    except STANDALONE.Wrong:
        theirs = None
    return ours, theirs


def test_it_is_checked_without_the_ledger_by_python_alone(made: Made, tmp_path: Path) -> None:
    """The program that lies in the bundle, isolated from every package, in an empty folder."""
    parts = parts_of(made.content)
    (tmp_path / "verify.py").write_bytes(parts["verify.py"])
    (tmp_path / "bundle.zip").write_bytes(made.content)
    command = [sys.executable, "-I", "-S", "verify.py", "bundle.zip", str(KEY)]
    run = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (0, "")
    told = [line.removeprefix("ok     ") for line in run.stdout.splitlines()]
    assert told == checked(tmp_path / "bundle.zip", KEY)
    assert told[-2] == "the last event and the last decision stand in trees, signed by ledger.example"
    assert told[-1].startswith(
        f"{NUMBERS[0]} has no other account, and of its events and decisions there is no other"
    )
    other = Signer("ledger.example", bytes(32)).verifier
    command[-1] = str(other)
    run = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stdout.splitlines()[-1]) == (
        1,
        "WRONG  a checkpoint was not signed by the key",
    )


def python39() -> str | None:
    """A Python 3.9 that runs: on the path, or one that pyenv has, whatever its shim is set to."""
    by_pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    known = [shutil.which("python3.9"), *map(str, sorted(by_pyenv.glob("3.9.*/bin/python3.9")))]
    for found in filter(None, known):
        told = subprocess.run([found, "-V"], check=False, capture_output=True, text=True)
        if told.returncode == 0 and told.stdout.startswith("Python 3.9."):
            return found
    return None


def test_it_runs_on_the_oldest_python_that_it_names(made: Made, tmp_path: Path) -> None:
    found = python39()
    if found is None:
        pytest.skip("there is no Python 3.9, neither on the path nor by pyenv")
    (tmp_path / "bundle.zip").write_bytes(made.content)
    command = [found, "-I", "-S", str(VERIFY), str(tmp_path / "bundle.zip"), str(KEY)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_same_question_gives_the_same_bundle(made: Made) -> None:
    assert a_bundle(made.log, made.signed) == made.content


@pytest.mark.parametrize("msisdn", NUMBERS)
def test_its_balances_are_those_that_the_ledger_answers(made: Made, msisdn: str) -> None:
    """Recomputed from the events' bytes by a program that knows no rule, before and after all that moves money."""
    moved = 0
    with opened(Settings(log=made.log)) as log:
        ask = log.questions(lambda: KNOWN_AT)
        for day in (0, 1, 2, 44, 127, 128, 450, 660, 1000):
            as_of = BEGIN + day * DAY
            manifest = json.loads(parts_of(a_bundle(made.log, None, msisdn, as_of))["manifest.json"])
            said = {(row["account"], row["unit"]): row["amount"] for row in manifest["balances"]}
            moved += sum(said.values())
            for generation, held in product((1, 2, 3), ("credit", "reserved")):
                account = f"{msisdn}#{generation}/{held}"
                try:
                    answers = ask.balance(account, as_of=as_of, known_at=KNOWN_AT)
                except QueryRefused:
                    answers = []  # there was no such account yet
                for answer in answers:
                    assert said.pop((account, answer.unit), 0) == answer.amount, (account, day)
            assert not any(said.values()), day
    assert moved


def test_without_checkpoints_it_says_that_it_is_not_signed(made: Made, tmp_path: Path) -> None:
    ours, theirs = both(a_bundle(made.log, None), tmp_path / "bundle.zip", key=False)
    assert ours == theirs
    assert ours is not None
    assert ours[-1] == "NOT SIGNED: it shows that it hangs together, and no more"
    assert both(a_bundle(made.log, None), tmp_path / "bundle.zip") == (None, None)


def test_without_a_key_nobody_says_whose_it_is(made: Made, tmp_path: Path) -> None:
    ours, theirs = both(made.content, tmp_path / "bundle.zip", key=False)
    assert ours == theirs
    assert ours is not None
    assert "BY WHOM is not checked" in ours[-2]


def test_what_is_not_final_is_not_proved(made: Made) -> None:
    with reading(made.log) as found:
        for as_of, known_at in ((KNOWN_AT, KNOWN_AT + 1), (KNOWN_AT + 1, KNOWN_AT)):
            with pytest.raises(EvidenceRefused, match="only what is final"):
                bundle(found, Question(NUMBERS[0], as_of, known_at), JAKARTA)
        with pytest.raises(EvidenceRefused, match="nothing is known"):
            bundle(found, Question("6288100009999", KNOWN_AT, KNOWN_AT), JAKARTA)


def test_what_is_not_signed_yet_is_not_proved(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    with pytest.raises(LedgerError):
        a_bundle(made.log, Signed(folder, SIGNER.name, (KEY,)))


def edited(part: bytes, edit: Callable[[list[Any]], None]) -> bytes:
    rows = [json.loads(line) for line in part.splitlines()]
    edit(rows)
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def set_in(name: str, value: object) -> Callable[[list[Any]], None]:
    def edit(rows: list[Any]) -> None:
        rows[-1][name] = value

    return edit


def drop(index: int) -> Callable[[list[Any]], None]:
    def edit(rows: list[Any]) -> None:
        del rows[index]

    return edit


@pytest.mark.parametrize(
    ("part", "edit"),
    [
        ("events.jsonl", drop(-1)),
        ("events.jsonl", drop(0)),
        ("events.jsonl", drop(2)),
        ("events.jsonl", list.reverse),
        ("events.jsonl", set_in("event", {})),
        ("events.jsonl", set_in("type", "ledger.prepaid.Activated")),
        ("events.jsonl", set_in("ordinal", 10**9)),
        ("events.jsonl", set_in("state", "00")),
        ("events.jsonl", list.clear),
        ("decisions.jsonl", drop(-1)),
        ("decisions.jsonl", drop(0)),
        ("decisions.jsonl", set_in("code", "no-such-code")),
        ("decisions.jsonl", set_in("said", None)),
        ("decisions.jsonl", set_in("subject", "6288100000002")),
        ("heads.jsonl", drop(0)),
        ("heads.jsonl", set_in("subject", NUMBERS[1])),
        ("heads.jsonl", set_in("index", 99)),
    ],
)
def test_a_record_that_was_changed_is_found_though_the_manifest_agrees(
    made: Made, tmp_path: Path, part: str, edit: Callable[[list[Any]], None]
) -> None:
    parts = parts_of(made.content)
    parts[part] = edited(parts[part], edit)
    assert both(zipped(parts), tmp_path / "bundle.zip") == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("balances", []),
        ("balances", "each twice"),
        ("as_of", 0),
        ("known_at", 2**62),
        ("known_at", KNOWN_AT + 2 * DAY),
        ("known_at", float("inf")),
        ("as_of", True),
        ("position", "0:1"),
        ("position", None),
        ("msisdn", "6288100000002"),
        ("partition", 1),
        ("format", "else"),
        ("completeness", {"day": "2030-01-01", "ordinal": 10**9, "subjects": 1, "root": "00" * 32}),
    ],
)
def test_a_manifest_that_says_something_else_is_found(
    made: Made, tmp_path: Path, name: str, value: object
) -> None:
    parts = parts_of(made.content)
    manifest = json.loads(parts["manifest.json"])
    assert manifest[name] != value
    value = manifest[name] * 2 if value == "each twice" else value
    parts["manifest.json"] = json.dumps(manifest | {name: value}).encode()
    assert both(zipped(parts), tmp_path / "bundle.zip") == (None, None)


def test_a_part_that_is_missing_or_of_nothing_is_found_though_the_manifest_agrees(
    made: Made, tmp_path: Path
) -> None:
    unsigned = parts_of(a_bundle(made.log, None, NUMBERS[3]))
    for parts, key in ((parts_of(a_bundle(made.log, made.signed, NUMBERS[3])), True), (unsigned, False)):
        assert None not in both(zipped(parts), tmp_path / "bundle.zip", key)
        for name in parts:
            left = {other: part for other, part in parts.items() if other != name}
            assert both(zipped(left), tmp_path / "bundle.zip", key) == (None, None), name
        proof = next((name for name in parts if name.startswith("proofs/top/")), "manifest.json")
        for more in ("note.txt", "heads.jsonl/", "line.json", "statement.jsonl", "proofs/top/1000000.entry"):
            assert both(zipped(parts | {more: parts[proof]}), tmp_path / "bundle.zip", key) == (None, None), (
                more
            )
    for name in ("heads.jsonl", "consistency.jsonl"):
        added = unsigned | {name: b""}
        assert both(zipped(added), tmp_path / "bundle.zip", key=False) == (None, None)


def test_each_tree_is_told_of_once_from_its_beginning_on(made: Made, tmp_path: Path) -> None:
    parts = parts_of(made.content)
    for edit in (drop(0), list.clear, lambda rows: rows.append(rows[0])):
        wrong = parts | {"consistency.jsonl": edited(parts["consistency.jsonl"], edit)}
        assert both(zipped(wrong), tmp_path / "bundle.zip") == (None, None)


def with_manifest(parts: dict[str, bytes], **said: Any) -> dict[str, bytes]:
    """The parts of a bundle whose manifest says something else."""
    manifest = json.loads(parts["manifest.json"]) | said
    return parts | {"manifest.json": json.dumps(manifest).encode()}


def test_the_page_is_made_again_by_the_ledger_and_held_by_its_digest_by_python_alone(
    made: Made, tmp_path: Path
) -> None:
    file = tmp_path / "bundle.zip"

    def told_of_page(parts: dict[str, bytes]) -> str:
        for one in both(zipped(parts), file):
            assert one is not None
            assert one[1].startswith("NOT CHECKED but for their digests: index.html, which is for people")
        return checked(file, KEY, page_too=True)[1]

    parts = parts_of(a_bundle(made.log, made.signed, NUMBERS[3]))
    said = json.loads(parts["manifest.json"])["page"]
    assert told_of_page(parts).startswith("index.html is what the other parts give")
    forged = parts | {"index.html": parts["index.html"].replace(b"Rp", b"Rp 1", 1)}
    for wrong in (
        forged,
        parts | {"verify.py": b"print('ok')"},
        with_manifest(parts, page=said | {"zone": "UTC"}),
    ):
        with pytest.raises(EvidenceWrong, match="is not"):
            told_of_page(wrong)
    elsewhere = told_of_page(with_manifest(forged, page=said | {"release": "0.0.9"}))
    assert elsewhere.startswith("NOT CHECKED but for their digests")
    assert "the release 0.0.9 made them" in elsewhere
    assert both(zipped(forged, manifest=False), file) == (None, None)


@pytest.mark.parametrize("manifest", [{}, {"msisdn": "6288199999999", "balances": []}, {"msisdn": "terms/x"}])
def test_what_is_left_out_with_its_proofs_is_missed(
    made: Made, tmp_path: Path, manifest: dict[str, object]
) -> None:
    """Without decisions nothing else in a bundle says of which number it is."""
    kept = {name: part for name, part in parts_of(made.content).items() if "/decisions-" not in name}
    rows = kept["consistency.jsonl"].splitlines(keepends=True)
    kept["consistency.jsonl"] = b"".join(row for row in rows if b"/decisions-" not in row)
    kept["decisions.jsonl"] = b""
    kept["manifest.json"] = json.dumps(json.loads(kept["manifest.json"]) | manifest).encode()
    assert both(zipped(kept), tmp_path / "bundle.zip") == (None, None)


@pytest.mark.parametrize("name", ["manifest.json", "events.jsonl", "decisions.jsonl", "heads.jsonl"])
def test_a_name_that_stands_twice_is_found(made: Made, tmp_path: Path, name: str) -> None:
    """Of two values of one name some programs take the first, others the last."""
    parts = parts_of(made.content)
    first = next(iter(json.loads(parts[name].splitlines()[0])))
    parts[name] = parts[name].replace(b"{", b'{"%s":0,' % first.encode(), 1)
    both_of = both(zipped(parts, manifest=name != "manifest.json"), tmp_path / "bundle.zip")
    assert both_of == (None, None)


def test_a_schema_of_the_same_fingerprint_is_found(made: Made, tmp_path: Path) -> None:
    """A fingerprint tells nothing of a field's documentation; the digest that was signed does."""
    parts = parts_of(made.content)
    name = next(name for name in parts if name.startswith("schemas/"))
    parts[name] = parts[name].replace(b'"doc":"', b'"doc":"Not ', 1)
    assert both(zipped(parts), tmp_path / "bundle.zip") == (None, None)


@pytest.mark.chance
@often(60, soaked=2_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_changed_bit_of_a_bundle_is_found_but_where_no_part_of_it_is_another(
    made: Made, tmp_path: Path, data: st.DataObject
) -> None:
    """A bit of the archive that says nothing of its parts, such as their time, changes nothing of what is shown."""
    content = bytearray(made.content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    ours, theirs = both(bytes(content), tmp_path / "bundle.zip")
    assert ours == theirs
    if ours is not None:
        assert ours == both(made.content, tmp_path / "bundle.zip")[0]
        assert parts_of(bytes(content)) == parts_of(made.content)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, 9])
def test_parts_are_stored_or_deflated_and_nothing_else(tmp_path: Path, method: int) -> None:
    """What other methods make of a part's bytes may be of any size, or fail in any way."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("manifest.json", b"\x09\x14\x05\x00" + b"\xff" * 40)
    content = bytearray(target.getvalue())
    content[content.index(b"PK\x01\x02") + 10] = method
    assert both(bytes(content), tmp_path / "bundle.zip") == (None, None)


def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b" " * 10_000_000)
    monkeypatch.setattr("ledger.audit.evidence.parts.MOST_BYTES", 1_000_000)
    monkeypatch.setattr(STANDALONE, "MOST_BYTES", 1_000_000)
    assert both(target.getvalue(), tmp_path / "bomb.zip") == (None, None)
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("manifest.json", b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("manifest.json", b"{}")
    assert both(target.getvalue(), tmp_path / "twice.zip") == (None, None)
