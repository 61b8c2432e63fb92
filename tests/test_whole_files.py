"""A file is there whole or not at all: what could not be written leaves nothing, and takes the place of nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ledger.whole_files import written_whole


def _no_links(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")  # as FAT says


@pytest.fixture(params=["links", "no links"], autouse=True)
def _file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no links":
        monkeypatch.setattr(os, "link", _no_links)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_it_is_its_owners_alone_and_in_its_place_once_it_is_whole(place: Path) -> None:
    Path(f"{place.parent}/.kept.{os.getpid()}.part").write_bytes(b"of one that was killed, and longer")
    with written_whole(place) as file:
        file.write(b"whole")
        assert not place.exists()
        file.seek(0)
        assert file.read() == b"whole"
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"whole", 0o600)
    assert list(place.parent.iterdir()) == [place]


def _half(place: Path, *, over: bool) -> None:
    with written_whole(place, over=over) as file:
        file.write(b"half")
        raise ZeroDivisionError


def _too_late(place: Path) -> None:
    with written_whole(place) as file:
        file.write(b"late")
        place.write_bytes(b"somebody else's")


@pytest.mark.parametrize("over", [False, True])
def test_one_that_fails_half_way_leaves_nothing(place: Path, over: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        _half(place, over=over)
    assert list(place.parent.iterdir()) == []


def test_what_came_meanwhile_stays_and_is_named(place: Path) -> None:
    with pytest.raises(FileExistsError, match="exists") as raised:
        _too_late(place)
    assert (raised.value.filename, place.read_bytes()) == (str(place), b"somebody else's")
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("inside", ["missing", "file"])
def test_what_has_no_folder_is_named_as_it_was_asked_for(place: Path, inside: str, over: bool) -> None:
    place.with_name("file").touch()
    wanted = place.with_name(inside) / "kept"
    with pytest.raises(OSError, match="directory") as raised, written_whole(wanted, over=over):
        pass
    assert raised.value.filename == str(wanted)


def test_what_is_to_be_written_over_is_either_as_it_was_or_whole(place: Path) -> None:
    place.write_bytes(b"before")
    part = place.with_name("beside")
    with written_whole(place, over=True, part=part) as file:
        file.write(b"after")
        assert (place.read_bytes(), part.exists()) == (b"before", True)
    assert (place.read_bytes(), list(place.parent.iterdir())) == (b"after", [place])


def test_it_is_put_into_a_folder_that_may_not_be_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.open

    def forbidden(path: Any, flags: int, *mode: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        return there(path, flags, *mode)

    monkeypatch.setattr(os, "open", forbidden)
    with written_whole(place) as file:
        file.write(b"whole")
    assert place.read_bytes() == b"whole"
