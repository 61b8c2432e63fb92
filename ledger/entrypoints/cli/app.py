"""The `pulsa` application, put together."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from ledger.entrypoints.cli.asking import add_questions
from ledger.entrypoints.cli.auditing import add_auditing
from ledger.entrypoints.cli.care import add_desk
from ledger.entrypoints.cli.dead_letters import add_dead
from ledger.entrypoints.cli.ingesting import add_files
from ledger.entrypoints.cli.keeping import add_keeping
from ledger.entrypoints.cli.logs import add_log
from ledger.entrypoints.cli.options import remember_options
from ledger.entrypoints.cli.projecting import add_projecting
from ledger.entrypoints.cli.serving import add_serving
from ledger.entrypoints.cli.shell import OneLineGroup
from ledger.entrypoints.cli.simulating import add_simulation
from ledger.entrypoints.cli.ticking import add_ticking
from ledger.entrypoints.cli.verbs import add_verbs
from ledger.wiring import composition

app = typer.Typer(
    name="pulsa",
    cls=OneLineGroup,
    help="The operator's ledger of prepaid credit.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
@remember_options
def root(ctx: typer.Context) -> None:
    """The operator's ledger of prepaid credit: commands in, events in the log, balances out."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


for add in (
    add_files,
    add_simulation,
    add_questions,
    add_desk,
    add_log,
    add_ticking,
    add_serving,
    add_keeping,
    add_dead,
    add_projecting,
    add_auditing,
    add_verbs,
):
    add(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs `pulsa`; ends the process with its exit code."""
    composition.collect_rarely()
    app(arguments, prog_name="pulsa")


if __name__ == "__main__":
    main()
