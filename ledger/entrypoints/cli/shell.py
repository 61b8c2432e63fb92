"""How `pulsa` ends: an exit code, and for every error one line on standard error; never a traceback.

0: done; 1: refused, bad lines in a file, or findings of `log verify`; 2: it could not be done; 130: interrupted;
141: whoever read the output has seen enough, as of any program that writes into a closed pipe.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Event
from typing import Any

import typer
from typer.core import TyperGroup

from ledger.entrypoints.cli.output import shown
from ledger.errors import LedgerError, page_of

DONE, REFUSED, FAILED, INTERRUPTED, UNHEARD = 0, 1, 2, 130, 141


class _Unheard(Exception):
    """Nobody reads the output any more; by another name, for Typer ends the process where it sees a closed pipe."""


class OneLineGroup(TyperGroup):
    """A group of commands whose errors are one line each."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as the base class
        """Runs the verb that was named."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _Unheard from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - as the base class
    ) -> Any:  # noqa: ANN401 - as the base class
        """Runs a command; ends the process with its exit code unless `standalone_mode` is off."""
        _take_any_text()
        run = super().main
        code = guarded(lambda: run(args, prog_name, complete_var, False, windows_expand_args, **extra))
        if standalone_mode:
            sys.exit(code)
        return code


def guarded(run: Callable[[], int | None]) -> int:
    """The exit code of a run, after one line about what went wrong."""
    try:
        code = _reported(run)
        sys.stdout.flush()
    except (BrokenPipeError, _Unheard):
        _forget_output()
        return UNHEARD
    except OSError as error:
        _forget_output()
        return failed("file-error", f"standard output: {error.strerror or error}", FAILED)
    return code


@contextmanager
def telling_what_is_recorded() -> Iterator[None]:
    """What is said of commands that are recorded by now: that nobody can hear it does not undo them.

    So it changes no exit code, and is no failure; where the output is not just closed, standard error says why.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    except OSError as error:
        _forget_output()
        failed("file-error", f"standard output: {error.strerror or error}; what was decided stands", FAILED)


def _reported(run: Callable[[], int | None]) -> int:
    try:
        code = run() or DONE
    except LedgerError as error:
        return failed(error.code, str(error) or (type(error).__doc__ or ""), error.exit_code)
    except typer.TyperException as error:
        return failed("usage", _with_its_help(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return failed("interrupted", "stopped; what was written before stays", INTERRUPTED)
    except (BrokenPipeError, _Unheard):
        raise
    except sqlite3.Error as error:
        return failed("log-unreadable", str(error), FAILED)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return failed("file-error", f"{name}{error.strerror or error}", FAILED)
    except Exception as error:  # noqa: BLE001 - a defect is reported like everything else
        return _of_a_library(error)
    if code == INTERRUPTED:
        return failed("interrupted", "stopped; what was written before stays", INTERRUPTED)
    return code


def _with_its_help(error: typer.TyperException) -> str:
    """What is wrong with what was typed, and where something is missing, which help says what there has to be."""
    said = error.format_message()
    ctx = getattr(error, "ctx", None)
    if ctx is None or not said.startswith("Missing "):
        return said
    return f"{said.rstrip('.')}; `{ctx.command_path} --help` says what it takes"


def _of_a_library(error: Exception) -> int:
    from eventsourcing.persistence import PersistenceError  # slow to import, and no help needs it

    from ledger.domain.refusals import Refusal

    if isinstance(error, Refusal):
        return failed(error.code, error.message, REFUSED)
    if isinstance(error, PersistenceError):
        return failed("log-unreadable", str(error), FAILED)
    return failed("defect", f"{type(error).__name__}: {error}", FAILED)


def failed(code: str, message: str, exit_code: int) -> int:
    """Says `pulsa: <code>: <message> (<page of the runbook>)` on standard error, in one line."""
    page = page_of(code)
    line = shown(" ".join(message.split())) + ("" if page is None else f" ({page})")
    with suppress(OSError):  # nobody hears it: the exit code says it too
        sys.stdout.flush()
    with suppress(OSError):
        print(f"pulsa: {code}: {line}", file=sys.stderr)  # noqa: T201 - this is how it speaks
    return exit_code


@contextmanager
def until_stopped() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set.

    By another thread: a signal may come while this one is about to wait for the event, and holds the lock of it.
    """
    stopped = Event()

    def stop(_number: int, _frame: object) -> None:
        start_new_thread(stopped.set, ())  # `threading` has a lock of its own to start one

    before = {}
    with suppress(ValueError):  # not the main thread: nobody can signal it
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _take_any_text() -> None:
    """Has the streams say what they can: escapes for what their encoding lacks; nothing at all where one is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Lets Python end without complaining that nobody reads its output."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
