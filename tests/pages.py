"""The commands that pages show, and somebody who types them: in this process, in a folder, in so many columns."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner, Result

from ledger.entrypoints.cli import app

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"```console\n(.*?)```|((?:^ {4}\S[^\n]*\n)+)", re.DOTALL | re.MULTILINE)


class Typed(NamedTuple):
    """A command as a page has it, and what is printed below it; None where the page does not say."""

    command: str
    output: str | None


def typed(page: str) -> Iterator[Typed]:
    """The commands of a page, of its sessions and of its indented lines, in order."""
    for session, indented in _BLOCK.findall((ROOT / page).read_text("utf-8")):
        if indented:
            yield from (
                Typed(line.partition(" #")[0].strip(), None)
                for line in indented.splitlines()
                if line.startswith("    pulsa ")
            )
            continue
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
            yield Typed(command, output)


def understood(words: Iterable[str]) -> None:
    """Reads the words after `pulsa`, and does nothing; raises where there is no such verb, option or argument."""
    group: Any = typer.main.get_command(app)
    left = [*words]
    with typer.Context(group, info_name="pulsa") as ctx:
        command = group
        while hasattr(command, "get_command"):
            command = command.get_command(ctx, left.pop(0))
        command.make_context("it", left, parent=ctx)


class Typist:
    """Types commands of `pulsa` in a folder, as a shell would take them: with comments, variables, and `> FILE`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, columns: int) -> None:
        for name in [name for name in os.environ if name.startswith("PULSA_")]:
            patch.delenv(name)
        patch.chdir(folder)
        self.environment: dict[str, str] = {"COLUMNS": str(columns)}
        self.folder = folder

    def __call__(self, command: str) -> Result | None:
        """What became of a command; None of what only sets variables."""
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            self.environment |= dict(word.split("=", 1) for word in words[1:])
            return None
        assert words[0] == "pulsa", command
        words, into = (words[:-2], words[-1]) if words[-2] == ">" else (words, None)
        done = CliRunner(env=self.environment).invoke(app, words[1:], prog_name="pulsa")
        assert "Traceback" not in done.output
        if into is not None:
            (self.folder / into).write_text(done.stdout, "utf-8")
        return done
