"""`pulsa data simulate`: files of records of a made-up population, to play with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.output import say
from ledger.errors import SettingsInvalid

Subscribers = Annotated[int, typer.Option("--subscribers", metavar="N", min=1, help="How many.")]
Months = Annotated[
    int, typer.Option("--months", metavar="M", min=1, max=120, help="How long, from July 2024 on.")
]
Contracts = Annotated[
    int, typer.Option("--contracts", metavar="N", min=0, help="How many customers with contracts besides.")
]
Registered = Annotated[
    int, typer.Option("--persons", metavar="N", min=0, help="How many registered persons besides.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The same seed gives the same files.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the files go: an empty folder, or none.")
]


def simulate_(
    subscribers: Subscribers,
    months: Months,
    out: Out,
    seed: Seed = 1,
    contracts: Contracts = 0,
    persons: Registered = 0,
) -> int:
    """Write the records of a made-up population, for a played log, in the order in which they are to be ingested."""
    if out.is_dir() and any(out.iterdir()):
        raise SettingsInvalid(f"--out: {out} is not empty")
    from ledger.simulation import simulate  # nothing else has a use for it

    for path in simulate(subscribers, months, seed, out, contracts=contracts, registered=persons):
        say(str(path))
    return shell.DONE
