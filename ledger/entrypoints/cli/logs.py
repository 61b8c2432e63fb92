"""`pulsa log events`: the events, filtered and followed; a log is made, backed up and restored."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import begin_of, told_at
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import AsJson, counted, counting, say, say_json, width_of_prose
from ledger.entrypoints.cli.prose import Since, any_subject_named
from ledger.figures import of_unit

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.store.backup import Copy
    from ledger.wiring.composition import Opened
    from ledger.wiring.settings import Settings
    from projections.asking.log_answers import LogLine
    from projections.asking.questions import Questions

_FOLLOW_SECONDS = 0.5

Last = Annotated[
    int | None, typer.Option("-n", "--lines", metavar="N", min=0, help="Only the last N.", show_default=False)
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="ID",
        parser=any_subject_named,
        help="Only of this number, account or other subject.",
        show_default=False,
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="TYPE", help="Only this type, such as CreditToppedUp; more than once for several."
    ),
]


BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Also where a file is there already.")]


Copies = Annotated[
    list[Path] | None,
    typer.Option(
        "--from", metavar="FILE", help="A copy or a mirror of the log, for schemas that this release lacks."
    ),
]


Prefixes = Annotated[
    list[str] | None,
    typer.Option(
        "--prefix",
        metavar="PREFIX",
        help="Of another log that has its schemas in the same registry; more than once for several.",
    ),
]


_WINDOW = 2048
"""Events that the last ones are looked for among at first, where only some are wanted."""
_FARTHER = 8
"""So many times as many are looked through where these are too few."""


class _Wanted(NamedTuple):
    """Which events are asked for."""

    subject: str | None
    types: list[str] | None
    since: int | None

    def last(self, asked: Questions, count: int, heads: dict[int, int]) -> Iterable[LogLine]:
        """The last so many; the log is read backwards as far as they lie."""
        window = count if self == _EVERY else max(count, _WINDOW)
        while count and heads:
            start = max(min(heads.values()) - window + 1, 1) if self.subject is None else 1
            found: deque[LogLine] = deque(maxlen=count)
            seen: Counter[int] = Counter()
            for line in self.lines(asked, start):
                found.append(line)
                seen[_place(line.position or "0:0")[0]] += 1
            if start == 1 or all(seen[partition] >= count for partition in heads):
                return found
            window *= _FARTHER
        return ()

    def lines(self, asked: Questions, start: int) -> Iterator[LogLine]:
        """Those from an ordinal on."""
        for line in asked.log(start, subject=self.subject, types=self.types):
            if self.since is None or line.event.recorded_at >= self.since:
                yield line


_EVERY = _Wanted(None, None, None)


def events(
    opened: Opened,
    account: Account = None,
    type_: Types = None,
    since: Since = None,
    lines: Last = None,
    follow: Follow = False,
    as_json: AsJson = False,
) -> int:
    """The events, in the order of the log."""
    asked = opened.questions(lambda: now_of(opened.settings))
    wanted = _Wanted(account, type_ or None, begin_of(since, asked.told_in()) if since else None)
    heads = _heads(asked)
    if account is not None and not follow:
        asked.must_know(account)
    where = None if as_json else asked.told_in()
    line = None
    for line in wanted.lines(asked, 1) if lines is None else wanted.last(asked, lines, heads):
        _say(line, where)
    if line is None and not (as_json or follow):
        say("no event")
    if follow:
        with shell.until_stopped() as stopped:
            _follow(asked, wanted, heads, stopped, where)
    return shell.DONE


def _follow(
    asked: Questions, wanted: _Wanted, done: dict[int, int], stopped: Event, where: Zone | None
) -> None:
    sys.stdout.flush()
    while not stopped.wait(_FOLLOW_SECONDS):
        heads = _heads(asked)
        if heads == done:
            continue
        for line in wanted.lines(asked, min(done.get(partition, 0) for partition in heads) + 1):
            if stopped.is_set():
                return
            partition, ordinal = _place(line.position or "0:0")
            if done.get(partition, 0) < ordinal <= heads[partition]:
                _say(line, where)
        sys.stdout.flush()
        done = heads


def _heads(asked: Questions) -> dict[int, int]:
    """The last ordinal of each partition."""
    from projections.engine.unanswered import BeforeTheLog

    try:
        position = asked.head().position
    except BeforeTheLog:
        return {}
    return dict(map(_place, position.split(",")))


def _place(position: str) -> tuple[int, int]:
    partition, _, ordinal = position.partition(":")
    return int(partition), int(ordinal)


def _say(line: LogLine, where: Zone | None) -> None:
    """Says a line to a person, in a zone; as JSON where there is none."""
    if where is None:
        say_json(line.to_json())
        return
    event = line.event
    name = event.TOPIC.rpartition(".")[2]
    when = told_at(event.effective_at, where)
    begins = f"{line.position:<10} {when:<27} {event.account:<18}"
    if len(begins) + 1 + len(name) <= width_of_prose():
        say(f"{begins} {name}")
    else:
        say(begins.rstrip())
        say(f"    {name}")
    for posting in event.postings:
        say(f"    {posting['account']:<44} {of_unit(posting['amount'], posting['unit']):>30}")


def log_create(settings: Settings, as_json: AsJson = False) -> int:
    """Make a new log: a file, or the topics of one on Kafka."""
    from ledger.wiring.composition import create

    partitions = create(settings)
    if as_json:
        say_json({"partitions": partitions})
    else:
        say(f"created, of {counted(partitions, 'partition')}")
    return shell.DONE


def log_backup(
    opened: Opened, file: BackupFile, overwrite: Overwrite = False, as_json: AsJson = False
) -> int:
    """Copy the log into a file, also while a writer writes."""
    from ledger.entrypoints.targets import must_be_apart_from_the_log

    must_be_apart_from_the_log("FILE", file, opened.settings)
    with counting("copying") as progress:
        copy = opened.back_up(file, overwrite=overwrite, progress=progress)
    _say_copy(copy, file, as_json=as_json)
    return shell.DONE


def log_restore(
    settings: Settings, file: BackupFile, overwrite: Overwrite = False, as_json: AsJson = False
) -> int:
    """Put a backup in place as the log, once all of it is verified."""
    from ledger.wiring.composition import restore

    with counting("copying") as progress:
        copy = restore(settings, file, overwrite=overwrite, progress=progress)
    _say_copy(copy, settings.log, as_json=as_json)
    return shell.DONE


def log_restore_registry(
    settings: Settings, from_: Copies = None, prefix: Prefixes = None, as_json: AsJson = False
) -> int:
    """Fill an empty schema registry again from the log on Kafka, under the ids that its records have."""
    from ledger.wiring.on_kafka import restore_registry  # embedded logs need none of it

    with counting("reading") as progress:
        restored = restore_registry(settings, from_ or [], prefix or [], progress)
    if as_json:
        say_json({"schemas": restored})
    else:
        say(f"{counted(restored, 'schema')} registered under the ids of the log's records")
    return shell.DONE


def _say_copy(copy: Copy, file: Path, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "file": str(file),
                "events": copy.events,
                "entries": copy.entries,
                "position": copy.position,
                "seal": copy.seal.hex(),
            }
        )
    else:
        read = f"{counted(copy.events, 'event')}, {counted(copy.entries, 'journal entry')}"
        say(f"{file}: {read}, position {copy.position}")
