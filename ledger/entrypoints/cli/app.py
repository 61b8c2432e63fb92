"""The `pulsa` application: its help on one screen, and the words of `tree.py` below it."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer

from ledger.entrypoints.cli.branches import Suggesting, grown, help_without_a_word
from ledger.entrypoints.cli.options import remember_options, settings_in_short
from ledger.entrypoints.cli.shell import OneLineGroup
from ledger.entrypoints.cli.tree import TREE
from ledger.release import RELEASE

_GROUPS = max(len(one.group) for one in TREE.values()) + 2
_WORDS = len("ingest, data")


class Root(OneLineGroup, Suggesting):
    """What stands at the top."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - as the base class
        """The nouns, and the verbs without one."""
        return list(TREE)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as the base class
        """A noun, or a verb without one; None where there is none of that name."""
        return grown(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as the base class
        """Writes all of it on a screen of 24 lines: by group, a line for each word, or for those that share one."""
        formatter.write("Usage: pulsa NOUN VERB [OPTIONS]; pulsa NOUN --help lists verbs. An example:\n")
        formatter.write("  pulsa enquiry 6288112345678 --as-of 2023-10-01\n")
        for group, words in groupby(TREE, key=lambda word: TREE[word].group):
            sharing = groupby(words, key=lambda word: TREE[word].shared or TREE[word].words)
            for said, (text, some) in zip([group, *" " * len(TREE)], sharing, strict=False):
                formatter.write(f"{said:<{_GROUPS}}{', '.join(some):<{_WORDS}}  {text}\n")
        for said, line in zip(["Settings", *" " * len(TREE)], settings_in_short(_GROUPS), strict=False):
            formatter.write(f"{said:<{_GROUPS}}{line}\n")
        formatter.write(f"{'Also':<{_GROUPS}}--version, --help, --install-completion\n")

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:  # noqa: ANN401 - as the base class
        """The words that begin so, with what they mean, without making any of them."""
        from typer._click.shell_completion import CompletionItem

        found = [CompletionItem(word, help=TREE[word].words) for word in TREE if word.startswith(incomplete)]
        return found or super().shell_complete(ctx, incomplete)


app = typer.Typer(
    name="pulsa",
    cls=Root,
    help="The operator's ledger of prepaid credit.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _said(asked: bool) -> None:
    if asked:
        typer.echo(f"pulsa {RELEASE}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version", help="Which release this is.", callback=_said, is_eager=True, expose_value=False
    ),
]


@app.callback()
@remember_options
def root(ctx: typer.Context, version: Version = False) -> None:
    """The operator's ledger of prepaid credit: commands in, events in the log, balances out."""
    help_without_a_word(ctx)
