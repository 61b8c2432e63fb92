"""A disk without room for the mirrors: a writer waits, loses nothing, and goes on by itself once there is room."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ledger.application.outcomes import Outcome
from ledger.errors import MirrorFull
from ledger.wiring.mirrors import Followed
from tests.kafka.conftest import NewLog
from tests.kafka.running import connected, started, writing
from tests.kafka.seen import embedded, in_file, population, seen
from tests.waiting import PATIENCE, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system of its own can be mounted here (that takes root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # files that were locked are kept open


def fill(file: Path) -> None:
    """Takes all the room there is."""
    with file.open("wb", buffering=0) as filling:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    filling.write(bytes(size))
            except OSError:
                continue


def test_a_writer_waits_for_room_and_goes_on(new_log: NewLog, small_disk: Path, tmp_path: Path) -> None:
    settings = new_log(mirrors=small_disk / "mirrors")
    commands = population(20, 2)
    outcomes: list[Outcome] = []
    with (
        capture_logs() as said,
        writing(settings),
        connected(settings) as client,
    ):
        outcomes += client.execute(commands[:100])
        fill(small_disk / "filler")
        asking = threading.Thread(target=lambda: outcomes.extend(client.execute(commands[100:250])))
        asking.start()
        until(lambda: any(line.get("code") == MirrorFull.code for line in said), lambda: said)
        (small_disk / "filler").unlink()
        asking.join(PATIENCE)
        assert not asking.is_alive()
        # What found no room may have been answered all the same: only this asks for a mirror that is whole again.
        outcomes += client.execute(commands[250:300])
    fill(small_disk / "filler")
    with capture_logs() as said, started(settings) as (writer, *_), connected(settings) as client:
        until(lambda: any(line.get("code") == MirrorFull.code for line in said), lambda: said)
        (small_disk / "filler").unlink()
        until(lambda: writer.serving)
        outcomes += client.execute(commands[300:])
    assert outcomes == embedded(tmp_path / "whole.db", commands)
    assert seen(settings).accounts == in_file(tmp_path / "whole.db") == in_file(settings.mirror(0))


def test_a_question_says_that_the_mirror_is_full(new_log: NewLog, small_disk: Path) -> None:
    settings = new_log()
    with writing(settings), connected(settings) as client:
        client.execute(population(20, 2))
    reader = new_log(mirrors=small_disk / "mirrors", prefix=settings.prefix)
    with closing(Followed(reader)) as mirrors:
        fill(small_disk / "filler")
        with pytest.raises(MirrorFull, match="make room there"):
            mirrors.catch_up()
        (small_disk / "filler").unlink()
    with closing(Followed(reader)) as mirrors:
        mirrors.catch_up()
    assert in_file(reader.mirror(0)) == in_file(settings.mirror(0))
