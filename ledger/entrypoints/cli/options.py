"""Settings as options of every command; and the clock, which only entry points read."""

from __future__ import annotations

import copy
import functools
import inspect
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ledger.entrypoints.cli.local_times import has_an_instant, told_within
from ledger.errors import LedgerError, SettingsInvalid

if TYPE_CHECKING:
    from ledger.domain.calendar import Zone
    from ledger.entrypoints.forms import CommandReader
    from ledger.wiring.composition import Opened, Taker
    from ledger.wiring.settings import Settings

_PANEL = "Settings"
_WIDTH = 80
_PREFIX = "setting_"  # a command's own fields may have the same names


def _option(flag: str, help_: str, *, metavar: str) -> Any:  # noqa: ANN401 - Typer's
    return typer.Option(flag, help=help_, rich_help_panel=_PANEL, metavar=metavar, show_default=False)


_OPTIONS: dict[str, Any] = {
    "log": _option("--log", "The log's file (PULSA_LOG; default pulsa.db).", metavar="FILE"),
    "now": _option(
        "--now",
        "The instant to take as now (PULSA_NOW): questions; commands on a played log.",
        metavar="INSTANT",
    ),
    "clock": _option(
        "--clock", "live or played, when the log is created (PULSA_CLOCK).", metavar="live|played"
    ),
    "terms": _option("--terms-folder", "A folder of more terms files (PULSA_TERMS).", metavar="FOLDER"),
    "database": _option(
        "--database",
        "SQLAlchemy URL of the projections (PULSA_DATABASE).",
        metavar="URL",
    ),
    "kafka": _option("--kafka", "Bootstrap servers (PULSA_KAFKA): Kafka is the log.", metavar="HOST:PORT"),
    "registry": _option("--registry", "Schema registry of that log (PULSA_REGISTRY).", metavar="URL"),
}

Options = Mapping[str, str | None]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen, on a copy of the log; write nothing.")
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics", metavar="HOST:PORT", help="Answer Prometheus there, at /metrics.", show_default=False
    ),
]


def wall_clock() -> int:
    """Now, in UTC microseconds."""
    return time.time_ns() // 1000


def now_of(settings: Settings) -> int:
    """The instant that is set, or the wall clock's."""
    return wall_clock() if settings.now is None else settings.now


def must_be_wall_clocks(settings: Settings) -> None:
    """Raises SettingsInvalid where an instant is set that a live log does not take for now."""
    if settings.now is not None:
        raise SettingsInvalid("PULSA_NOW, --now: a live log takes the wall clock's time")


def log_now(settings: Settings, *, played: bool) -> int:
    """Now by a log's clock: of a played one the instant that is set, of a live one the wall clock's.

    Raises SettingsInvalid where none is set of a played log, or one of a live log.
    """
    if not played:
        must_be_wall_clocks(settings)
    elif settings.now is None:
        raise SettingsInvalid("PULSA_NOW, --now: a played log's time has to be stated")
    return now_of(settings)


def reader_for(ledger: Taker, settings: Settings, *, dry_run: bool = False) -> CommandReader:
    """Reads commands for a log, dated as its clock demands. Raises SettingsInvalid."""
    from ledger.entrypoints.forms import CommandReader
    from ledger.wiring.card_names import card_names

    now, cards = settings.now, card_names(settings, dry_run=dry_run)
    if ledger.played:
        return CommandReader(played=True, now=None if now is None else lambda: now, cards=cards)
    must_be_wall_clocks(settings)
    return CommandReader(played=False, now=wall_clock, cards=cards)


_HANDED = ("settings", "opened", "read", "options", "ctx")
"""Parameters of commands that are no options."""


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a verb. What it is handed may be of types that only a checker imports."""
    handed = {"Opened": object, "Settings": object, "Callable": Callable}
    return inspect.signature(function, eval_str=True, locals=handed).parameters


def with_settings(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Gives a command the setting options, and itself the `settings` (its first parameter) that result.

    One whose first parameter is `opened` is handed the log that is set, until it ends; one whose is `read`, what reads
    the settings, and may fail. Options before the verb count
    too; those behind it win. A command that takes `options` is handed them as stated, and alone has them in its help.
    """
    own = parameters_of(command)
    takes_options = "options" in own
    kept = [p for p in own.values() if p.name not in _HANDED]

    @functools.wraps(command)
    def run(ctx: typer.Context, **given: Any) -> int | None:  # noqa: ANN401 - the command's own
        from ledger.wiring import composition
        from ledger.wiring import settings as configuration

        options = before_verb(ctx) | _stated(given)
        if takes_options:
            given["options"] = options
        if "ctx" in own:
            given["ctx"] = ctx
        if "read" in own:
            return command(lambda: configuration.read(options), **given)
        with composition.opened(configuration.read(options)) as opened:
            try:
                return command(opened if "opened" in own else opened.settings, **given)
            except Exception as error:
                if not _is_told(error):
                    raise
                zone = _zone_of(given)
                error.args = tuple(told_here(opened, str(said), zone) for said in error.args)
                raise

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [
        context,
        *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept),
        *_parameters(hidden=not takes_options),
    ]
    return cast("Callable[..., int | None]", with_parameters(run, parameters))


def _is_told(error: Exception) -> bool:
    """Whether it is the ledger's own, whose text is told to people."""
    from ledger.domain.refusals import Refusal

    return isinstance(error, LedgerError | Refusal)


def _zone_of(given: Mapping[str, Any]) -> Zone | None:
    """The zone that was asked for."""
    from ledger.domain.calendar import zone

    return zone("UTC") if given.get("utc") else given.get("zone")


def told_here(opened: Opened, text: str, where: Zone | None = None) -> str:
    """A text for people: instants in it are told in a zone, that of the log's terms where none is named.

    On Kafka, and where the log cannot say, they stay as they are: UTC.
    """
    if not has_an_instant(text) or (where is None and opened.settings.kafka is not None):
        return text
    with suppress(LedgerError):
        where = where or opened.questions(lambda: now_of(opened.settings)).told_in()
    return text if where is None else told_within(text, where)


def before_verb(ctx: typer.Context) -> dict[str, str | None]:
    """The setting options that were stated before the verb."""
    return dict(ctx.obj) if isinstance(ctx.obj, dict) else {}


def settings_in_short(indent: int) -> list[str]:
    """The setting options with what they take, in lines of a terminal that is not wide, that far in."""
    options = [f"{option.default}\0{option.metavar}" for option in _OPTIONS.values()]
    lines = textwrap.wrap("  ".join(options), _WIDTH - indent, break_on_hyphens=False, break_long_words=False)
    return [line.replace("\0", " ") for line in lines]


def remember_options(root: Callable[..., None]) -> Callable[..., None]:
    """Gives the callback of a group the setting options, and keeps those stated for its commands."""
    signature = inspect.signature(root, eval_str=True)
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values() if p.name != "ctx"]

    @functools.wraps(root)
    def run(ctx: typer.Context, **given: Any) -> None:  # noqa: ANN401 - the options
        ctx.obj = before_verb(ctx) | _stated(given)
        root(ctx, **given)

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return cast("Callable[..., None]", with_parameters(run, [context, *own, *_parameters(hidden=False)]))


def _stated(given: dict[str, Any]) -> dict[str, str | None]:
    """Takes the setting options out of what was given; those that were stated, by the setting's name."""
    values = {name: given.pop(_PREFIX + name) for name in _OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def with_parameters(function: Any, parameters: list[inspect.Parameter]) -> Any:  # noqa: ANN401 - any callable
    """The function with the parameters that Typer shall see."""
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _parameters(*, hidden: bool) -> list[inspect.Parameter]:
    keyword = inspect.Parameter.KEYWORD_ONLY
    found = []
    for name, option in _OPTIONS.items():
        own = copy.copy(option)
        own.hidden = hidden
        annotation = Annotated[str | None, own]
        found.append(inspect.Parameter(_PREFIX + name, keyword, default=None, annotation=annotation))
    return found
