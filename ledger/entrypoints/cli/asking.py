"""What the questions on the command line have in common: the two instants, the numbers, and how answers are said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

import typer

from ledger.bootstrap import positions_of
from ledger.domain.calendar import format_instant, parse_instant
from ledger.entrypoints.cli import shell
from ledger.entrypoints.fields import read_msisdn
from ledger.errors import QueryRefused


class Answer(Protocol):
    """An answer to a question."""

    @property
    def as_of(self) -> int:
        """The instant that is asked about."""

    @property
    def known_at(self) -> int:
        """The instant that it is known at."""

    @property
    def final(self) -> bool:
        """Whether nothing can change it any more."""


def _instant(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from None


def _position(text: str) -> dict[int, int]:
    try:
        return dict(positions_of(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no position such as 0:120") from None


def _subject(text: str) -> str:
    number, mark, generation = text.partition("#")
    try:
        return read_msisdn(number) + mark + generation
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from None


AsOf = Annotated[
    int | None,
    typer.Option(
        "--as-of",
        metavar="INSTANT",
        parser=_instant,
        help="As it was then (default: now).",
        show_default=False,
    ),
]
KnownAt = Annotated[
    int | None,
    typer.Option(
        "--known-at",
        metavar="INSTANT",
        parser=_instant,
        help="As it was known then (default: now).",
        show_default=False,
    ),
]
AtLeast = Annotated[
    dict[int, int] | None,
    typer.Option(
        "--at-least",
        metavar="POSITION",
        parser=_position,
        help="Only once that position is taken in, as a command's outcome says it.",
        show_default=False,
    ),
]
Since = Annotated[
    int | None,
    typer.Option(
        "--since",
        metavar="INSTANT",
        parser=_instant,
        help="Only what was recorded from then on.",
        show_default=False,
    ),
]
Number = Annotated[
    str, typer.Argument(metavar="MSISDN", parser=_subject, help="The number, such as 6288112345678.")
]
Numbers = Annotated[
    list[str] | None,
    typer.Argument(metavar="MSISDN…", parser=_subject, help="Numbers, or accounts such as 6288112345678#1."),
]


def final_or_not(answer: Answer) -> str:
    """In words: as of when, known when, and whether it can still change."""
    word = "final" if answer.final else "provisional"
    return f"as of {format_instant(answer.as_of)}, known at {format_instant(answer.known_at)}, {word}"


def each(subjects: Iterable[str], answer: Callable[[str], None]) -> int:
    """Answers for each subject, and returns the exit code; one that fails does not keep the others back."""
    code = shell.DONE
    for subject in subjects:
        try:
            answer(subject)
        except QueryRefused as error:
            code = shell.failed(error.code, str(error), shell.FAILED)
    return code
