"""Runs the demonstration; ends with 1 if anything does not add up."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ledger.demo.playing import Demo

Subscribers = Annotated[int, typer.Option(min=1, help="How many.")]
Months = Annotated[int, typer.Option(min=1, max=120, help="How long, from July 2024 on.")]
Contracts = Annotated[int, typer.Option(min=4, help="How many customers with contracts besides.")]
Persons = Annotated[int, typer.Option(min=0, help="How many registered persons besides.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed plays the same lives.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where files and log go; by default a new temporary folder.")
]


def demonstrate(  # noqa: PLR0913 - what is played
    subscribers: Subscribers = 400,
    months: Months = 14,
    seed: Seed = 1,
    folder: Folder = None,
    contracts: Contracts = 40,
    persons: Persons = 30,
) -> None:
    """A ledger at work, from an empty folder."""
    demo = Demo(Path(tempfile.mkdtemp(prefix="pulsa-demo-")) if folder is None else folder)
    demo.play(subscribers, months, seed, contracts, persons)
    demo.show()
    sys.exit(0 if demo.screen.holds else 1)


if __name__ == "__main__":
    typer.run(demonstrate)
