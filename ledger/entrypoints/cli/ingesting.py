"""`pulsa ingest`: files of commands, with progress, one summary, and the outcomes in a file of their own."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import DryRun, reader_for
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, console, counted, say, say_json, shown
from ledger.entrypoints.cli.templating import must_be_a_command
from ledger.errors import SettingsInvalid
from ledger.figures import fraction, grouped

if TYPE_CHECKING:
    from rich.progress import Progress

    from ledger.entrypoints.file_lines import InputFile
    from ledger.entrypoints.ingest import Fault, Ingest, OutcomeTaker, Tally
    from ledger.entrypoints.rows import InputFormat
    from ledger.wiring.composition import Opened

_FAULTS_SHOWN = 10
_WAITED = 1
"""Seconds from which on whoever waited is told how fast it went."""
_UNKNOWN = "{} not answered in time; ingest the same files again, and their answers come back"

Files = Annotated[
    list[str], typer.Argument(metavar="FILE…", help="JSON Lines or CSV, plain or .gz; - is standard input.")
]
Outcomes = Annotated[
    Path | None,
    typer.Option("--outcomes", metavar="OUT.jsonl", help="Write every outcome there, a line each."),
]
As = Annotated[
    str,
    typer.Option(
        "--format", metavar="auto|json|csv", help="What the files hold; auto: by name, else by content."
    ),
]


Only = Annotated[
    str | None,
    typer.Option(
        "--command",
        metavar="COMMAND",
        help="What every line of the files is, where they do not say: such as RecordUsage.",
        show_default=False,
    ),
]


def ingest(
    opened: Opened,
    files: Files,
    outcomes: Outcomes = None,
    format_: As = "auto",
    command: Only = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Take in files of commands. A bad line is refused as invalid with its number, and the rest goes on."""
    from ledger.entrypoints.ingest import BATCH, BATCH_ON_KAFKA, Ingest
    from ledger.entrypoints.principal import of_this_process
    from ledger.entrypoints.targets import must_be_apart_from_the_log
    from ledger.wiring.exposed import with_count
    from ledger.wiring.registering import registrar
    from ledger.wiring.rehearsal import rehearsed

    known: dict[str, InputFormat] = {"auto": "auto", "json": "json", "csv": "csv"}
    if format_ not in known:
        raise SettingsInvalid(f"--format: not auto, json or csv (it is {format_!r})")
    if command is not None:
        must_be_a_command(command)
    settings = opened.settings
    if outcomes is not None:
        must_be_apart_from_the_log("--outcomes", outcomes, settings)
    _must_be_readable(files, outcomes)
    faults = _Faults()
    with (
        rehearsed(settings) if dry_run else nullcontext(opened) as log,
        _recording(outcomes) as written,
        _progress() as bar,
        registrar(opened, dry_run=dry_run) as keeper,
    ):
        ledger = log.taker()

        def after_batch(source: InputFile, tally: Tally) -> None:
            written.flush()
            bar.show(source, tally)

        reader = reader_for(ledger, settings, dry_run=dry_run)
        run = Ingest(
            ledger,
            reader,
            batch=BATCH if settings.kafka is None else BATCH_ON_KAFKA,
            principal=of_this_process(),
            registrar=keeper,
            counted=lambda command, stated: with_count(log, command, kept_by=opened, stated=stated),
            record=written.record,
            faulty=faults.take,
            progress=after_batch,
        )
        began = time.perf_counter()
        try:
            with _stopping_between_batches(run):
                run.run(files, known[format_], command)
        finally:
            seconds = time.perf_counter() - began
            with shell.telling_what_is_recorded():
                bar.hide()
                faults.show()
                _summarize(run.tally, seconds, as_json=as_json)
                if dry_run and not as_json:
                    say(NOTHING_IS_WRITTEN)
    if run.tally.unknown:
        return shell.failed("unknown", _UNKNOWN.format(counted(run.tally.unknown, "command")), shell.FAILED)
    return shell.REFUSED if run.tally.invalid else shell.DONE


@contextmanager
def _stopping_between_batches(run: Ingest) -> Iterator[None]:
    """On SIGINT or SIGTERM the batch in hand is written first; waiting for a line ends at once."""

    def stop(_number: int, _frame: object) -> None:
        run.stopping = True
        if not run.busy:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _must_be_readable(files: list[str], outcomes: Path | None) -> None:
    """Raises OSError before anything is written; SettingsInvalid where the outcomes would overwrite a file read."""
    from ledger.entrypoints.file_lines import STANDARD_INPUT

    for name in files:
        if name == STANDARD_INPUT:
            if outcomes is not None and outcomes.is_file() and _is_standard_input(outcomes):
                raise SettingsInvalid(f"--outcomes: {outcomes} is what standard input reads")
            continue
        path = Path(name)
        if S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        if outcomes is not None and outcomes.exists() and outcomes.samefile(path):
            raise SettingsInvalid(f"--outcomes: {outcomes} is one of the files to read")


def _is_standard_input(path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(0))
    except OSError:  # there is none
        return False


class _Outcomes:
    """Writes outcomes to a file, where one is named: those of a batch are in it before the next batch is begun."""

    def __init__(self, file: BinaryIO | None) -> None:
        import msgspec

        self.record: OutcomeTaker | None = None
        self.flush: Callable[[], None] = lambda: None
        if file is not None:
            encode = msgspec.json.Encoder().encode

            def record(outcome: dict[str, Any]) -> None:
                file.write(encode(outcome) + b"\n")

            self.record, self.flush = record, file.flush


@contextmanager
def _recording(path: Path | None) -> Iterator[_Outcomes]:
    if path is None:
        yield _Outcomes(None)
        return
    with path.open("wb") as file:
        yield _Outcomes(file)


class _Faults:
    """The first bad lines, and how many there were."""

    def __init__(self) -> None:
        self._first: list[Fault] = []
        self._count = 0

    def take(self, fault: Fault) -> None:
        self._count += 1
        if self._count <= _FAULTS_SHOWN:
            self._first.append(fault)

    def show(self) -> None:
        out = console(stderr=True)
        for row in self._first:
            for fault in row.faults:
                out.print(shown(f"{row.file}:{row.line}: invalid: {fault}"), soft_wrap=True)
        if self._count > len(self._first):
            out.print(f"and {self._count - len(self._first)} more invalid lines; --outcomes keeps them all")


class _Bar:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._name = ""
        self._task: Any = None

    def hide(self) -> None:
        self._progress.stop()

    def show(self, source: InputFile, tally: Tally) -> None:
        if source.name != self._name:
            self._name = source.name
            self._task = self._progress.add_task(shown(source.name), total=source.size, lines=tally.total)
        self._progress.update(self._task, completed=source.read_bytes, lines=tally.total)


@contextmanager
def _progress() -> Iterator[_Bar]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    out = console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]} commands"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal, refresh_per_second=4) as progress:
        yield _Bar(progress)


def _summarize(tally: Tally, seconds: float, *, as_json: bool) -> None:
    rate = round(tally.total / seconds) if seconds else 0
    refused = dict(sorted(tally.refused.items()))
    if as_json:
        say_json(
            {
                "commands": tally.total,
                "accepted": tally.accepted,
                "repeated": tally.repeated,
                "refused": refused,
                **({"unknown": tally.unknown} if tally.unknown else {}),
                "seconds": round(seconds, 3),
                "commands_per_second": rate,
            }
        )
        return
    pace = f" in {fraction(seconds)} s: {grouped(rate)} commands/s" if seconds >= _WAITED else ""
    say(f"{counted(tally.total, 'command')}{pace}")
    say(f"  accepted  {grouped(tally.accepted):>12}")
    say(f"  repeated  {grouped(tally.repeated):>12}")
    say(f"  refused   {grouped(tally.refused.total()):>12}")
    if tally.unknown:
        say(f"  unknown   {grouped(tally.unknown):>12}")
    for code, count in refused.items():
        say(f"    {code:<24} {grouped(count):>12}")
