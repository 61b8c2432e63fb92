"""The groups and verbs of `pulsa` as Typer has them, made of `tree.py`: each only once it is named."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from ledger.entrypoints.cli.as_stated import read_as_stated
from ledger.entrypoints.cli.nouns import Noun, Top, Verb
from ledger.entrypoints.cli.options import with_settings
from ledger.entrypoints.cli.tree import TREE

_WIDTH = 80
"""Columns of help and of its examples, however wide the terminal is."""
_NAMES = 26
"""Columns that options and arguments take at most before what they mean begins."""


def named_alike(word: str, names: Iterable[str]) -> str:
    """What a word may have meant: that verb of a noun, names like it, verbs like it; empty where there are none."""
    verbs = {path: path.partition(" ")[2] for path, _ in paths() if " " in path}
    alike = [path for path, verb in verbs.items() if verb == word]
    parts = sorted(word.split("-"))
    alike = alike or [name for name in names if sorted(name.split("-")) == parts]
    alike = alike or get_close_matches(word, list(names))
    if not alike:
        near = get_close_matches(word, set(verbs.values()))
        alike = [path for path, verb in verbs.items() if verb in near]
    return f" Did you mean {', '.join(map(repr, alike))}?" if alike else ""


class Suggesting(TyperGroup):
    """A group that says what a misspelt word may have meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as the base class
        """Reads the options before the next word."""
        read_as_stated(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as the base class
        """What is named. Raises a usage error."""
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            error.message += named_alike(args[0], self.list_commands(ctx))
            raise


class Leaf(TyperCommand):
    """A verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as the base class
        """Reads what it takes."""
        read_as_stated(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes how it is used."""
        named = (_named(param) for param in self.get_params(ctx) if isinstance(param, TyperArgument))
        formatter.write_usage(ctx.command_path, " ".join([*named, "[OPTIONS]"]))

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes what it takes."""
        records: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Settings": []}
        for param in self.get_params(ctx):
            if isinstance(param, TyperArgument):
                records["Arguments"].append((_named(param).strip("[]"), _meaning(param)))
            elif isinstance(param, TyperOption) and not param.hidden:
                records[param.rich_help_panel or "Options"].append((_option(param), _meaning(param)))
        for title, found in records.items():
            if found:
                with formatter.section(title):
                    formatter.write_dl(found, col_max=_NAMES)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes an example, that can be pasted as it stands."""
        formatter.write("\nExample:\n")
        for line in folded(f"{ctx.command_path} {self.epilog or ''}".strip()):
            formatter.write(f"  {line}\n")


class Branch(Suggesting):
    """A noun. Its verbs are made when they are named."""

    noun: str
    grown: Mapping[str, Verb]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as the base class
        """The verbs, in their order."""
        return list(self.grown)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as the base class
        """A verb; None where there is none of that name."""
        verb = self.grown.get(cmd_name)
        return None if verb is None else leaf(cmd_name, verb, self.noun)

    def format_usage(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes how it is used."""
        formatter.write_usage(ctx.command_path, "VERB [OPTIONS]")

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes its verbs."""
        with formatter.section("Verbs"):
            formatter.write_dl(
                [
                    (name, leaf(name, verb, self.noun).get_short_help_str(200))
                    for name, verb in self.grown.items()
                ]
            )

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes an example of its first verb."""
        name, verb = next(iter(self.grown.items()))
        formatter.write("\nExample:\n")
        for line in folded(f"{ctx.command_path} {name} {verb.example}".strip()):
            formatter.write(f"  {line}\n")
        formatter.write(f"\n{ctx.command_path} VERB --help says what each takes.\n")


@cache
def leaf(name: str, verb: Verb, noun: str = "") -> TyperCommand:
    """The command of a verb, of a noun where it has one; made once, however often it runs in this process."""
    one = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    one.command(name, cls=Leaf, help=verb.words or None, epilog=verb.example)(_function(verb, noun))
    return cast("TyperCommand", typer.main.get_command(one))


def _function(verb: Verb, noun: str) -> Callable[..., Any]:
    """What does it, with the options that it takes besides its own."""
    module, _, name = verb.does.partition(":")
    if not name:
        from ledger.entrypoints.cli.verbs import command_verb

        return command_verb(verb.does, of_credit=noun == "credit")
    function: Callable[..., Any] = getattr(import_module(f"ledger.entrypoints.cli.{module}"), name)
    takes = inspect.signature(function).parameters
    if "then" in takes:
        from ledger.entrypoints.cli.prose import question

        return question(function)
    return with_settings(function) if takes.keys() & {"settings", "opened", "read"} else function


def branch(name: str, noun: Noun) -> Branch:
    """The group of a noun."""
    one = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    one.callback(cls=Branch, help=f"{noun.words}.", invoke_without_command=True)(help_without_a_word)
    group = cast("Branch", typer.main.get_command(one))
    group.noun, group.grown = name, noun.verbs
    return group


def help_without_a_word(ctx: typer.Context) -> None:
    """What a group does that is named alone: it says what there is."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@cache
def grown(name: str) -> TyperCommand | TyperGroup | None:
    """What stands at the top under a name; made once."""
    found = TREE.get(name)
    if found is None:
        return None
    return branch(name, found) if isinstance(found, Noun) else leaf(name, found.verb)


def paths() -> Iterator[tuple[str, Verb]]:
    """Every verb as it is said, such as `credit top-up`."""
    for name, found in TREE.items():
        if isinstance(found, Top):
            yield name, found.verb
        else:
            yield from ((f"{name} {verb}", own) for verb, own in found.verbs.items())


def folded(command: str) -> list[str]:
    """A command in lines of a terminal that is not wide, to be pasted as it stands."""
    lines = textwrap.wrap(
        command, _WIDTH - 4, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _named(argument: TyperArgument) -> str:
    """An argument as it is written: in brackets where it may be left out."""
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: TyperOption) -> str:
    """An option as it is written, with what it takes: nothing, where it is a flag."""
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len))
    return names if option.is_flag else f"{names} {option.metavar or 'TEXT'}"


def _meaning(param: TyperArgument | TyperOption) -> str:
    """What a parameter means, and whether it must be there."""
    said = param.help or ""
    default = param.default
    if isinstance(param, TyperOption) and param.show_default and not param.is_flag and default is not None:
        said += f" Default: {default}."
    return f"{said} Required." if isinstance(param, TyperOption) and param.required else said
