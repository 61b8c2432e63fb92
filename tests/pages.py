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

from ledger.entrypoints.cli.app import app
from ledger.entrypoints.cli.branches import paths

ROOT = Path(__file__).resolve().parents[1]
EVERY = [
    "README.md",
    "schemas/README.md",
    *(str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").rglob("*.md"))),
]
"""Every page there is, below the root."""
_BLOCK = re.compile(r"```console\n(.*?)```|((?:^ {4}\S[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
_NO_PROSE = re.compile(r"```.*?```|^ {4}[^\n]*$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^ {4,}(?:[A-Z_]+=\S+ )*pulsa (.*)$", re.MULTILINE)
"""A command on a line of its own, with what is set for it alone, below a step of a list too."""


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


def lines(page: str) -> Iterator[list[str]]:
    """What stands behind `pulsa` in each line of a page that is a command; of sessions see `typed`."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for line in _INDENTED.findall(text):
        words = shlex.split(line, comments=True)
        yield words[: words.index(">")] if ">" in words else words


def named(page: str) -> Iterator[list[str]]:
    """What prose and tables name: the words behind `pulsa`, or a verb with its noun, as a reader would type them.

    `[--refused]` stands for the option, `list|show` for either verb, `MSISDN…` for one of them.
    """
    text = _NO_PROSE.sub("", (ROOT / page).read_text("utf-8")).replace("\\|", "")
    verbs = {path for path, _ in paths()}
    for span in re.findall(r"`([^`]+)`", text):
        words = re.sub(r"[\[\]…]", "", span).partition(" | ")[0].split()
        if words[:1] == ["pulsa"]:
            words = words[1:]
        elif " ".join(words[:2]) not in verbs:
            continue
        either = words[1].split("|") if len(words) > 1 else [""]
        yield from ([*words[:1], *([verb] if verb else []), *words[2:]] for verb in either)


def understood(words: Iterable[str], *, whole: bool = True) -> None:
    """Reads the words after `pulsa`, and does nothing; raises where there is no such verb, option or argument.

    What is not the `whole` command may lack arguments, the last option's value, and have words in place of numbers.
    """
    left = [*words]
    command: Any = typer.main.get_command(app)
    ctx = command.context_class(command, info_name="pulsa")
    with ctx:
        while hasattr(command, "get_command") and left and (whole or not left[0].startswith("-")):
            found = command.get_command(ctx, left[0])
            assert found is not None, f"no {left[0]!r}"
            command, left = found, left[1:]
            ctx = command.context_class(command, info_name="it", parent=ctx)
        if whole:
            command.parse_args(ctx, left)
            return
        valued = {
            name for one in command.get_params(ctx) if not getattr(one, "is_flag", True) for name in one.opts
        }
        _, over, _ = command.make_parser(ctx).parse_args(
            [*left, "VALUE"] if left[-1:] and left[-1] in valued else left
        )
        assert not over, f"too many: {over}"


class Typist:
    """Types commands of `pulsa` in a folder as bash takes them: comments, variables, `> FILE`, `<<< TEXT`."""

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
        words, feed = (words[:-2], words[-1]) if words[-2] == "<<<" else (words, None)
        done = CliRunner(env=self.environment).invoke(app, words[1:], input=feed, prog_name="pulsa")
        assert "Traceback" not in done.output
        if into is not None:
            (self.folder / into).write_text(done.stdout, "utf-8")
        return done
