"""`pulsa log copy`: from one store to another, gone on with where it was stopped, verified at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import AsJson, counted, counting, say, say_json
from ledger.errors import LogMissing, SettingsInvalid, TopicMismatch

if TYPE_CHECKING:
    from ledger.store.copying import Copied, Source, Target
    from ledger.wiring.settings import Settings

_FORMS = "kafka, a FILE, a FOLDER of partition-0.db, partition-1.db, …"
_SOURCES = f"{_FORMS}, or FOLDER/mirror, which are mirror-0.db, mirror-1.db, … in it"

From = Annotated[
    str, typer.Option("--from", metavar="LOG", help=f"What is copied: {_SOURCES}.", show_default=False)
]
Folder = Annotated[
    Path,
    typer.Option("--to", metavar="FOLDER", help="Where the files go; it is made.", show_default=False),
]
Count = Annotated[
    int,
    typer.Option("--partitions", metavar="N", min=1, max=10_000, help="How many.", show_default=False),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="LOG",
        help=f"Where it goes: {_FORMS}, parquet:FOLDER or avro:FOLDER.",
        show_default=False,
    ),
]


Renaming = Annotated[
    Path | None,
    typer.Option(
        "--pseudonymise",
        metavar="KEYFILE",
        help="From a file to a file: other numbers in place of those there are, the same ones for the same key.",
        show_default=False,
    ),
]


def log_copy(
    settings: Settings, from_: From, to: To, pseudonymise: Renaming = None, as_json: AsJson = False
) -> int:
    """Copy a log, journal included, to another store; go on where a copy was stopped; verify all of it."""
    from ledger.store.copying import copy

    if pseudonymise is not None:
        return _pseudonymised(settings, from_, to, pseudonymise, as_json=as_json)
    with ExitStack() as stack, counting("copying") as progress:
        sources = stack.enter_context(_sources(settings, from_))
        for source in sources:
            with _target(settings, to, source, len(sources)) as target:
                _say(copy(source, target, progress), as_json=as_json)
    return shell.DONE


def _pseudonymised(settings: Settings, from_: str, to: str, key: Path, *, as_json: bool) -> int:
    from ledger.audit.pseudonymising import pseudonymised
    from ledger.store.reading import SqliteReader
    from ledger.wiring.composition import known_terms
    from ledger.wiring.pseudonym_keys import pseudonyms_of

    if "kafka" in (from_, to) or to.partition(":")[0] in ("parquet", "avro"):
        raise SettingsInvalid("--pseudonymise: it copies a file into a file; copy that one on")
    source, target = SqliteReader(Path(from_)), Path(to)
    with counting("deciding again") as progress:
        events = pseudonymised(source, target, pseudonyms_of(key), known_terms(settings), progress)
    if as_json:
        say_json({"file": str(target), "events": events})
    else:
        say(f"{target}: {counted(events, 'event')} under other names, verified")
    return shell.DONE


def _say(copied: Copied, *, as_json: bool) -> None:
    extent, before = copied.extent, copied.before
    if as_json:
        say_json(
            {
                "partition": copied.partition,
                "events": extent.events,
                "entries": extent.entries,
                "events_before": before.events,
                "entries_before": before.entries,
                "event_digest": extent.event_digest.hex(),
                "entry_digest": extent.entry_digest.hex(),
            }
        )
        return
    there = f" ({counted(before.events, 'event')} of them were there)" if before.events else ""
    if not extent.events:
        say(
            f"partition {copied.partition}: nothing, which is right only where nothing was ever recorded in it"
        )
        return
    read = f"{counted(extent.events, 'event')}, {counted(extent.entries, 'journal entry')}"
    say(f"partition {copied.partition}: {read}{there}, verified: {extent.event_digest.hex()[:12]}")


def log_repartition(
    settings: Settings, from_: From, to: Folder, partitions: Count, as_json: AsJson = False
) -> int:
    """Play a log into another number of partitions, in a new folder of files; then copy it to where it shall be."""
    from ledger.audit.repartitioning import repartition

    with counting("playing") as progress, _sources(settings, from_, at_rest=True) as sources:
        made = repartition(sources, to, partitions, progress)
    for one in made:
        if as_json:
            say_json(one._asdict())
        else:
            read = f"{counted(one.events, 'event')}, {counted(one.entries, 'journal entry')}"
            say(f"partition {one.partition}: {read}, verified")
    return shell.DONE


@contextmanager
def _sources(settings: Settings, place: str, *, at_rest: bool = False) -> Iterator[list[Source]]:
    from ledger.store.copying import CopyRefused, Source

    with ExitStack() as stack:
        if place == "kafka":
            from ledger.wiring.mirrors import at_rest as resting
            from ledger.wiring.mirrors import followed_as_made

            follow = resting if at_rest else followed_as_made
            mirrors = stack.enter_context(follow(settings))
            mirrors.catch_up()
            files = {reader.partition: reader.path for reader in mirrors.readers()}
        else:
            files = _files(Path(place))
        sources = [
            stack.enter_context(closing(Source(path, number))) for number, path in sorted(files.items())
        ]
        if not any(source.events for source in sources):
            raise CopyRefused(f"{place}: there is nothing in it")
        for source in sources:
            if len(sources) > 1 and source.partitions not in (None, len(sources)):
                message = f"{place}: a log of {source.partitions} partitions; here are {len(sources)}"
                raise TopicMismatch(message)
            if Path(place).name.endswith("mirror") and source.lacks_answers:
                raise CopyRefused(f"{source.path}: {counted(source.events, 'event')}, and no answer at all")
        yield sources


def _files(place: Path) -> dict[int, Path]:
    """The file of each partition. Raises LogMissing."""
    if place.is_dir():
        folder, name = place, "partition"
    elif place.name.endswith("mirror") and not place.exists():
        folder, name = place.parent, place.name
    else:
        return {0: place}
    pattern = re.compile(rf"{re.escape(name)}-([0-9]+)\.db")
    files = folder.iterdir() if folder.is_dir() else ()
    found = {int(named[1]): path for path in files if (named := pattern.fullmatch(path.name))}
    if not found or set(found) != set(range(len(found))):
        raise LogMissing(f"{folder}: this folder does not hold {name}-0.db and all that follow it")
    return found


@contextmanager
def _target(settings: Settings, place: str, source: Source, partitions: int) -> Iterator[Target]:
    from ledger.store import private
    from ledger.store.copying import FileTarget

    form, colon, folder = place.partition(":")
    if colon and form in ("parquet", "avro"):
        from ledger.store.copying_avro import AvroContainer
        from ledger.store.copying_files import FolderTarget, Format, Parquet

        make: Callable[[Source], Format] = Parquet if form == "parquet" else AvroContainer
        yield FolderTarget(Path(folder), source, make)
    elif place == "kafka":
        with _kafka_target(settings, source, partitions) as target:
            yield target
    else:
        path = Path(place)
        if partitions > 1:
            private.make_folder(path)
        if path.is_dir():
            path /= f"partition-{source.partition}.db"
        if path.exists() and path.samefile(source.path):
            raise SettingsInvalid(f"--to: {path} is what is copied")
        with closing(FileTarget(path, source)) as target:
            yield target


@contextmanager
def _kafka_target(settings: Settings, source: Source, partitions: int) -> Iterator[Target]:
    from dataclasses import replace

    from ledger.store.copying_kafka import KafkaTarget
    from ledger.wiring.kafka_access import kafka_settings

    # What verifies the copy must have read all of it from the topics themselves.
    with TemporaryDirectory(prefix="pulsa-copy-") as mirrors:
        log = replace(kafka_settings(settings, Path(mirrors)), create=True)
        if log.partitions is None:
            log = replace(log, partitions=partitions)
        with closing(KafkaTarget(log, source, partitions)) as target:
            yield target
