"""What holds accounts is its owner's alone, whatever the umask: logs, locks, backups, archives, mirrors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.entrypoints.kafka import on_kafka
from tests.entrypoints.pulsa import NUMBER, START, Pulsa
from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.kafka.running import writing
from tests.servers import kafka_servers, run_directory  # noqa: F401


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def exposed(folder: Path) -> list[str]:
    """What others may look into: a file in a folder that is closed to them is not."""
    found = []
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(here, name).stat().st_mode & 0o077]
        found += [str(Path(here, name)) for name in files if Path(here, name).stat().st_mode & 0o077]
    return found


def test_files_of_an_embedded_log_are_its_owners(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o755)
    pulsa = Pulsa(own)
    pulsa.active()
    with closing(sqlite3.connect(pulsa.log)) as reading:  # so that what SQLite keeps beside it stays
        reading.execute("SELECT * FROM meta").fetchall()
        pulsa.done("projections", "run", "--once")
        pulsa.done("number", "advance", NUMBER, "--command-id", "more", "--now", START)
        pulsa.done("log", "backup", str(own / "backup.db"))
        pulsa.done("log", "copy", "--from", str(pulsa.log), "--to", f"parquet:{own / 'archive'}")
        names = {path.name for path in own.iterdir()}
        assert names >= {"pulsa.db", "pulsa.db-wal", "pulsa.db-shm", "pulsa.db.lock", "backup.db"}
        assert "pulsa.db.views.db" in names
        assert exposed(own) == []


def test_a_file_that_was_opened_to_others_stays_so(tmp_path: Path) -> None:
    pulsa = Pulsa(tmp_path)
    pulsa.active()
    pulsa.log.chmod(0o640)
    pulsa.done("number", "advance", NUMBER, "--command-id", "more", "--now", START)
    assert pulsa.log.stat().st_mode & 0o777 == 0o640


def test_mirrors_are_their_owners(new_log: NewLog, tmp_path: Path) -> None:  # noqa: F811
    far = tmp_path / "far"
    log = new_log(mirrors=far / "below" / "mirrors")
    asking = on_kafka(tmp_path, log)
    with writing(log):
        asking.active()
        asking.done("enquiry", NUMBER, "--now", START)
        asking.done("projections", "run", "--once")
        for folder in (far, far / "below", log.mirrors, tmp_path / "asking"):
            assert folder.stat().st_mode & 0o077 == 0, folder
        assert exposed(tmp_path) == []
        assert log.mirror(0).stat().st_mode & 0o077 == 0
