"""What the questions on the command line have in common: the two instants, the numbers, and how answers are said."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, Protocol, TypeVar, get_type_hints

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import InZone, Utc, cell_of, told_at, when
from ledger.entrypoints.cli.options import now_of, parameters_of, told_here, with_parameters, with_settings
from ledger.entrypoints.cli.output import (
    AsCsv,
    AsJson,
    counting,
    folded_below,
    in_words,
    say,
    say_folded,
    told,
)
from ledger.entrypoints.cli.tabulating import heading, say_table
from ledger.errors import LedgerError, QueryRefused
from ledger.figures import UNITS, grouped, rupiah
from projections.engine.meanwhile import Meanwhile

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.wiring.composition import Opened
    from ledger.wiring.settings import Settings
    from projections.asking.questions import Questions
    from projections.engine.answers import Listed
    from projections.engine.instants import When

_A = TypeVar("_A")


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


def _position(text: str) -> dict[int, int]:
    from ledger.wiring.composition import positions_of

    try:
        return dict(positions_of(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no position such as 0:120") from None


def subject_named(text: str) -> str:
    """A number as it is dialled, or an account of one, as ids have them."""
    from ledger.domain.ids import subject_of
    from ledger.entrypoints.fields import read_msisdn

    number = subject_of(text)
    try:
        return read_msisdn(number) + text.removeprefix(number)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}") from None


def any_subject_named(text: str) -> str:
    """A number as it is dialled, an account of one, or whatever else the log has events of, as it is written there."""
    with suppress(typer.BadParameter):
        return subject_named(text)
    return text


def ledger_account_of(text: str) -> str:
    """A ledger account, whose number may be written as it is dialled."""
    from ledger.domain.ids import is_account

    subject, slash, name = text.partition("/")
    if not slash:
        return any_subject_named(text)
    return f"{subject_named(subject)}{slash}{name}" if is_account(subject) else text


AsOf = Annotated[
    Any,
    typer.Option(
        "--as-of",
        metavar="INSTANT|DAY",
        parser=when,
        help="As it was then, or at the end of that local day (default: now).",
        show_default=False,
    ),
]
KnownAt = Annotated[
    Any,
    typer.Option(
        "--known-at",
        metavar="INSTANT|DAY",
        parser=when,
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
    Any,
    typer.Option(
        "--since",
        metavar="INSTANT|DAY",
        parser=when,
        help="Only what was recorded from then on.",
        show_default=False,
    ),
]
Number = Annotated[
    str, typer.Argument(metavar="MSISDN", parser=subject_named, help="The number, such as 6288112345678.")
]
NumberOrAll = Annotated[
    str | None,
    typer.Argument(metavar="MSISDN", parser=subject_named, help="The number; without one, all of them."),
]
Numbers = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MSISDN…", parser=subject_named, help="Numbers, or accounts such as 6288112345678#1."
    ),
]


class Then(NamedTuple):
    """What every question takes: the moment, the position to have been reached, and how the answer is to be told."""

    as_of: AsOf = None
    known_at: KnownAt = None
    at_least: AtLeast = None
    zone: InZone = None
    utc: Utc = False
    as_json: AsJson = False
    as_csv: AsCsv = False

    @property
    def moment(self) -> dict[str, When]:
        """The two instants, as questions take them."""
        return {"as_of": self.as_of, "known_at": self.known_at}

    @property
    def for_programs(self) -> bool:
        """Whether the answer is for a program."""
        return self.as_json or self.as_csv

    def told(self, records: Iterable[dict[str, Any]], columns: Sequence[str] = ()) -> bool:
        """Prints records as programs read them, if that is asked for; else it is left to the caller to tell people."""
        return told(records, as_json=self.as_json, as_csv=self.as_csv, columns=columns)


def question(verb: Callable[..., int]) -> Callable[..., int | None]:
    """A verb that takes `then`, with the options of all questions in its place, and those of the settings."""
    own = [p for name, p in parameters_of(verb).items() if name != "then"]
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=Then._field_defaults[name], annotation=annotation
        )
        for name, annotation in get_type_hints(Then, include_extras=True).items()
    ]

    @functools.wraps(verb)
    def run(*opened: Opened, **given: Any) -> int:  # noqa: ANN401 - the verb's own
        then = Then(**{name: given.pop(name) for name in Then._fields})
        return verb(*opened, **given, then=then)

    return with_settings(with_parameters(run, [*own, *options]))


_MEASURES = {"voice": "s", "sms": "SMS", "data": "bytes"}
"""What is counted of a service."""
_TYPES = frozenset({"event", "cause"})
"""Fields that hold a type of event."""
_ONE_TABLE: Mapping[str, Callable[[Any], bool]] = {"": lambda _: True}


def as_of_known_at(as_of: int, known_at: int, where: Zone) -> str:
    """In words: as of when, and known when."""
    return f"as of {told_at(as_of, where)}, known at {told_at(known_at, where)}"


def final_or_not(answer: Answer, where: Zone) -> str:
    """In words: as of when, known when, and whether it can still change."""
    word = "final" if answer.final else "provisional"
    return f"{as_of_known_at(answer.as_of, answer.known_at, where)}, {word}"


def asked(opened: Opened, then: Then) -> Questions:
    """The questions to the log that is set; whoever waits for projections is told so on standard error."""
    now = now_of(opened.settings)
    ask = opened.questions(lambda: now, at_least=then.at_least, meanwhile=_MEANWHILE)
    ask.zone = then.zone
    return ask


def told_in(ask: Questions, then: Then, about: str | None = None) -> Zone:
    """The zone that a person is told times in: UTC, the one that is asked for, or that of the terms."""
    from ledger.domain.calendar import zone

    return zone("UTC") if then.utc else ask.told_in(about)


def zone_of_log(opened: Opened) -> Zone:
    """The zone that a person is told times of a whole log in: that of its terms, UTC where these are of several."""
    return opened.questions(lambda: now_of(opened.settings)).told_in()


def telling(opened: Opened, then: Then) -> Callable[[str], str]:
    """What tells the instants in a text as a question asks for them."""
    from ledger.domain.calendar import zone

    return functools.partial(told_here, opened, where=zone("UTC") if then.utc else then.zone)


def zone_at_hand(opened: Opened, *, utc: bool) -> Zone:
    """The same where the log is a file that can be read; UTC where it is asked for, or else."""
    from ledger.domain.calendar import zone

    if not utc and opened.settings.kafka is None:
        with suppress(LedgerError):
            return zone_of_log(opened)
    return zone("UTC")


def _made_anew(error: LedgerError) -> None:
    shell.failed(error.code, f"{error} (they lie beside the log, and are made anew)", shell.DONE)


_MEANWHILE = Meanwhile(_made_anew, functools.partial(counting, "projecting"))


def say_rows(
    found: Listed[Any],
    then: Then,
    where: Callable[[], Zone],
    *,
    none: str = "",
    tables: Mapping[str, Callable[[Any], bool]] = _ONE_TABLE,
    without: Collection[str] = (),
) -> None:
    """Says an answer of many rows: as records, or to people as tables by title, with the moment below, in a zone.

    `none` is what is said where there are no rows; what is in `without` is for programs only.
    """
    if then.told(found.to_rows(), columns=found.columns):
        return
    zone = where()
    for title, belongs in tables.items():
        say_records(title, found.kind, [row._asdict() for row in found.rows if belongs(row)], zone, without)
    if not found.rows:
        say_folded(none)
    say_folded(final_or_not(found, zone))


def say_records(
    title: str, kind: type, records: Sequence[Mapping[str, Any]], zone: Zone, without: Collection[str] = ()
) -> None:
    """Says records of a class as a table: amounts as people write them, instants in a zone; nothing of none."""
    from projections.engine.answers import amounts_of, counts_of

    if not records:
        return
    cells = [cells_of(kind, record, zone, without) for record in records]
    say_table(
        title, list(cells[0]), [list(row.values()) for row in cells], right=amounts_of(kind) | counts_of(kind)
    )


def say_fields(kind: type, record: Mapping[str, Any], zone: Zone, without: Collection[str] = ()) -> None:
    """Says the fields of one record, one below the other."""
    cells = cells_of(kind, record, zone, without, tell=told_at)
    rows = [[heading(name), cell] for name, cell in cells.items() if cell]
    say_table("", ["what", "is"], rows)


def cells_of(
    kind: type,
    record: Mapping[str, Any],
    zone: Zone,
    without: Collection[str] = (),
    *,
    tell: Callable[[int, Zone], str] = cell_of,
) -> dict[str, str]:
    """The fields of a record of a class as people read them; `tell` tells an instant."""
    from projections.engine.answers import amounts_of, instants_of, written

    instants, amounts = instants_of(kind), amounts_of(kind)
    said = written(kind, record)

    def cell(name: str, value: Any) -> str:  # noqa: ANN401 - any field of an answer
        if value is None:
            return ""
        if name in instants:
            return tell(value, zone)
        if name in amounts:
            return rupiah(value)
        if name == "unit":
            return UNITS.get(value, str(value))
        shown = said[name]
        if name in _TYPES:
            return in_words(str(shown))
        if isinstance(shown, bool):
            return "yes" if shown else "no"
        if isinstance(shown, list):  # names are told, and of whole records how many there are
            return grouped(len(shown)) if shown and isinstance(shown[0], dict) else ", ".join(map(str, shown))
        if name == "granted" and record.get("service") in _MEASURES:
            return f"{grouped(shown)} {_MEASURES[record['service']]}"
        return grouped(shown) if isinstance(shown, int) else f"{shown}"

    return {name: cell(name, value) for name, value in record.items() if name not in without}


def say_clauses(settings: Settings, clauses: Iterable[str | None]) -> None:
    """Says in words what clauses say that were named above, each once."""
    from ledger import terms

    words = terms.words(settings.terms)
    for clause in sorted({one for one in clauses if one is not None and one in words}):
        for line in folded_below(f"{clause}: ", words[clause]):
            say(line)


class Each(Generic[_A]):
    """The answers for each subject. One that fails does not keep the others back; `code` is the exit code then.

    What it fails for is `told` to people.
    """

    def __init__(
        self, subjects: Iterable[str], ask: Callable[[str], Iterable[_A]], told: Callable[[str], str]
    ) -> None:
        self._told = told
        self.code = shell.DONE
        self._subjects = subjects
        self._ask = ask

    def __iter__(self) -> Iterator[_A]:
        for subject in self._subjects:
            try:
                yield from self._ask(subject)
            except QueryRefused as error:
                self.code = shell.failed(error.code, self._told(str(error)), shell.FAILED)
