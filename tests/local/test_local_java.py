"""The cache of what the Java servers are made of."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from ledger.local.java import cache_directory, installed, java, learned


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_directory()


def test_the_cache_is_where_the_user_keeps_caches(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.parent == tmp_path
    monkeypatch.setenv("HOME", "/home/auditor")
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_directory().parent == Path("/home/auditor/.cache")


def test_a_program_is_fetched_once_however_many_ask_for_it() -> None:
    fetched = []

    def fetch(_: MavenContext, folder: Path) -> None:
        fetched.append(folder)
        (folder / "program.jar").touch()

    with ThreadPoolExecutor() as pool:
        folders = set(pool.map(lambda _: installed("program", fetch), range(8)))
    assert len(fetched) == len(folders) == 1
    assert (folders.pop() / "program.jar").exists()


def test_a_fetch_that_failed_leaves_nothing_that_looks_whole(cache: Path) -> None:
    def fetch(_: MavenContext, folder: Path) -> None:
        (folder / "half.jar").touch()
        raise OSError("the connection was lost")

    with pytest.raises(OSError, match="lost"):
        installed("program", fetch)
    assert [path.name for path in cache.iterdir()] == ["program.lock"]


def test_java_learns_of_a_program_once_however_many_ask(tmp_path: Path) -> None:
    ran = []

    def run(option: str) -> None:
        ran.append(option)
        Path(option.removeprefix("-XX:AOTCacheOutput=")).write_text("learned")

    with ThreadPoolExecutor() as pool:
        options = set(pool.map(lambda _: learned("program", run), range(8)))
    assert len(ran) == len(options) == 1
    assert Path(options.pop().removeprefix("-XX:AOTCache=")).read_text() == "learned"


@pytest.mark.parametrize("kept", ["", "damaged" * 1000])
def test_what_java_has_learned_is_passed_over_where_it_is_of_no_use(kept: str, tmp_path: Path) -> None:
    def run(option: str) -> None:
        Path(option.removeprefix("-XX:AOTCacheOutput=")).write_text(kept)

    command = java(learned("program", run), "-version", temporary=tmp_path / "tmp")
    assert b"openjdk" in subprocess.run(command, stderr=subprocess.PIPE, check=True).stderr


@pytest.mark.parametrize("stated", [None, "/theirs.pem"])
def test_a_fetch_trusts_whom_the_machine_trusts(
    stated: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "authorities.pem"
    authorities.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    if stated is None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    else:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", stated)
    trusted = []
    installed("program", lambda _maven, _folder: trusted.append(os.environ["REQUESTS_CA_BUNDLE"]))
    assert trusted == [stated or str(authorities)]
    assert os.environ.get("REQUESTS_CA_BUNDLE") == stated
