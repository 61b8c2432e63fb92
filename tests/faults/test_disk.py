"""A full disk, missing permissions, damaged files: a clear error, and nothing half written."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.audit.verification import verify
from ledger.store.reading import SqliteReader
from tests.bench import population as p
from tests.entrypoints.pulsa import NUMBER, Pulsa, in_a_process

USES = 4_000
"""Calls in a file that does not fit into a few MiB."""


def _pulsa(
    log: Path, *arguments: str, largest: int | None = None, obeying: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs `pulsa`, where asked with a largest file size (bytes), or obeying permissions although root."""
    settings = {"PULSA_LOG": str(log), "PULSA_CLOCK": "played"}
    if not obeying or os.geteuid() != 0:
        return in_a_process(*arguments, environment=settings, largest=largest)
    return subprocess.run(
        [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            *(sys.executable, "-m", "ledger.entrypoints.cli"),
            *arguments,
        ],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system of its own can be mounted here (that takes root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_what_has_no_room_is_named_and_leaves_no_file_in_its_place(tmp_path: Path, small_disk: Path) -> None:
    log = Pulsa(tmp_path)
    log.active()
    log.done("log", "advance", "--now", "2024-01-01T00:00:00+07:00")
    wanted = {
        small_disk / "evidence.zip": ("audit", "bundle", NUMBER),
        small_disk / "terms.toml": ("terms", "new", "own-2026", "--out"),
        small_disk / "uses.csv": ("data", "export", "csv", "--out"),
    }
    _fill(small_disk, but=0)
    for path, verb in wanted.items():
        complaint = log.complaint(*verb, str(path))
        assert complaint == f"file-error: {path}: No space left on device"
        assert list(small_disk.iterdir()) == [small_disk / "filled"]
    (small_disk / "filled").unlink()
    for path, verb in wanted.items():
        log.done(*verb, str(path))
        assert path.stat().st_size


def _file(folder: Path, uses: int) -> Path:
    path = folder / "commands.jsonl"
    commands = [*p.opening(range(10)), *(p.usage(index, 10) for index in range(uses))]
    path.write_text("\n".join(p.json_line(command) for command in commands) + "\n", "utf-8")
    return path


def _one_line_with(code: str, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2
    complaint = done.stderr.strip().splitlines()[-1]
    assert complaint.startswith(f"pulsa: {code}: "), done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_fills_up_is_named_and_the_same_file_goes_through_afterwards(
    tmp_path: Path, small_disk: Path
) -> None:
    commands = _file(tmp_path, USES)
    _one_line_with("log-full", _pulsa(small_disk / "pulsa.db", "ingest", str(commands)))
    log = tmp_path / "moved.db"
    for part in small_disk.glob("pulsa.db*"):
        shutil.copyfile(part, log.with_name(part.name.replace("pulsa", "moved")))
    _goes_on_where_it_stopped(log, commands)


def test_a_write_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    log, commands = tmp_path / "pulsa.db", _file(tmp_path, USES)
    _one_line_with("log-unreadable", _pulsa(log, "ingest", str(commands), largest=2 * 2**20))
    _goes_on_where_it_stopped(log, commands)


def test_nothing_is_told_as_accepted_that_is_not_in_the_log(tmp_path: Path) -> None:
    log, commands, out = tmp_path / "pulsa.db", _file(tmp_path, USES), tmp_path / "outcomes.jsonl"
    failed = _pulsa(log, "ingest", str(commands), "--outcomes", str(out), "--json", largest=2 * 2**20)
    _one_line_with("log-unreadable", failed)
    told = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    with closing(sqlite3.connect(log)) as connection:
        statement = "SELECT command_id FROM journal WHERE code IS NULL ORDER BY entry"
        recorded = [row[0] for row in connection.execute(statement)]
    assert recorded
    assert [one["command_id"] for one in told if one["status"] == "accepted"] == recorded
    assert json.loads(failed.stdout)["accepted"] == len(recorded)


def _goes_on_where_it_stopped(log: Path, commands: Path) -> None:
    assert verify(log).clean
    assert 0 < _head(log) < USES
    assert _pulsa(log, "ingest", str(commands)).returncode == 0
    assert verify(log).clean
    assert _head(log) == USES + 30 + 2


def test_a_log_that_may_not_be_written_says_so_and_can_still_be_asked(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    log = folder / "pulsa.db"
    assert _pulsa(log, "ingest", str(_file(tmp_path, 10))).returncode == 0
    head = _head(log)
    for part in folder.iterdir():
        part.chmod(0o444)
    folder.chmod(0o555)
    refused = _pulsa(log, "ingest", str(_file(tmp_path, 20)), obeying=True)
    asked = _pulsa(log, "enquiry", p.number(0), "--json", obeying=True)
    folder.chmod(0o755)
    _one_line_with("log-unreadable", refused)
    assert _head(log) == head
    assert asked.returncode == 0, asked.stderr


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    log, commands = tmp_path / "missing" / "pulsa.db", _file(tmp_path, 1)
    refused = _pulsa(log, "ingest", str(commands))
    _one_line_with("log-unreadable", refused)
    assert str(log.parent) in refused.stderr
    assert not log.parent.exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a log."""
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "pulsa.db"
    assert _pulsa(log, "ingest", str(_file(folder, 2_000))).returncode == 0
    return log.read_bytes()


@pytest.mark.parametrize(
    ("kept", "code", "verb"),
    [
        *((kept, "log-damaged", verb) for kept in (0, 1) for verb in ("log verify", "report states")),
        *(
            (kept, "log-damaged", verb)
            for kept in (100, 5_000, 100_000)
            for verb in ("log verify", "report states", "ingest")
        ),
    ],
)
def test_a_file_cut_off_is_found_damaged_by_whoever_opens_it(
    tmp_path: Path, whole: bytes, kept: int, code: str, verb: str
) -> None:
    pulsa = Pulsa(tmp_path)
    pulsa.log.write_bytes(whole[:kept])
    asked = [str(_file(tmp_path, 1))] if verb == "ingest" else []
    assert pulsa.complaint(*verb.split(), *asked).startswith(f"{code}: ")
    assert pulsa.log.read_bytes() == whole[:kept] != whole


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    log, commands = tmp_path / "pulsa.db", _file(tmp_path, 1)
    log.write_text("minutes of the meeting\n" * 200)
    before = log.read_bytes()
    _one_line_with("log-damaged", _pulsa(log, "ingest", str(commands)))
    assert log.read_bytes() == before


def _head(log: Path) -> int:
    with SqliteReader(log).snapshot() as log_now:
        return log_now.head


# --- projections beside the log -------------------------------------------------------------------------------------


def _fill(folder: Path, *, but: int) -> None:
    """Takes all the room of a file system, but for some bytes."""
    status = os.statvfs(folder)
    (folder / "filled").write_bytes(bytes(status.f_bavail * status.f_frsize - but))


def test_a_question_to_a_log_on_a_full_disk_is_answered_from_elsewhere(
    tmp_path: Path, small_disk: Path
) -> None:
    log = small_disk / "pulsa.db"
    assert _pulsa(log, "ingest", str(_file(tmp_path, 50))).returncode == 0
    then = ("report", "trial-balance", "--json", "--now", "2040-01-01T00:00:00Z")
    right = _pulsa(Path(shutil.copy(log, tmp_path / "copy.db")), *then)
    assert right.returncode == 0
    _fill(small_disk, but=100_000)
    for _ in range(2):
        found = _pulsa(log, *then)
        assert (found.returncode, found.stdout) == (0, right.stdout), found.stderr


def test_where_projections_can_be_written_nowhere_nothing_is_answered(tmp_path: Path) -> None:
    log = tmp_path / "pulsa.db"
    assert _pulsa(log, "ingest", str(_file(tmp_path, 50))).returncode == 0
    _one_line_with("database-unreachable", _pulsa(log, "report", "states", largest=64_000))
    assert _pulsa(log, "report", "states").returncode == 0


def test_who_may_only_read_the_log_is_answered_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    log = folder / "pulsa.db"
    assert _pulsa(log, "ingest", str(_file(tmp_path, 50))).returncode == 0
    then = ("report", "trial-balance", "--json", "--now", "2040-01-01T00:00:00Z")
    files = sorted(folder.iterdir())
    folder.chmod(0o500)
    try:
        found = _pulsa(log, *then, obeying=True)
        assert (found.returncode, sorted(folder.iterdir())) == (0, files), found.stderr
    finally:
        folder.chmod(0o700)
    assert found.stdout == _pulsa(log, *then).stdout


def test_a_log_for_which_there_is_no_room_at_all_says_what_is_full(tmp_path: Path, small_disk: Path) -> None:
    """Not even for the note of who holds its lock."""
    commands = _file(tmp_path, 1)
    _fill(small_disk, but=0)
    for _ in range(2):
        _one_line_with("log-full", _pulsa(small_disk / "pulsa.db", "ingest", str(commands)))
    (small_disk / "filled").unlink()
    assert _pulsa(small_disk / "pulsa.db", "ingest", str(commands)).returncode == 0
    assert verify(small_disk / "pulsa.db").clean
