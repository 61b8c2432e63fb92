"""Options and arguments read as they are stated: text, paths, numbers, and whatever has a parser of its own.

Typer makes a validator for each of them, also of what nobody states, and imports pydantic for it: that took longer than
most answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

import typer


def read_as_stated(params: Iterable[Any]) -> None:
    """Has parameters that Typer has made take what is not stated, and what is read here, without a validator.

    Those of which it was asked before are left as they are: a verb may run more than once in a process.
    """
    for param in params:
        by_typer = param.process_value
        if getattr(by_typer, "func", None) is not _value:
            param.process_value = partial(_value, param, by_typer)


def _value(param: Any, by_typer: Callable[..., Any], ctx: Any, value: Any) -> Any:  # noqa: ANN401 - Typer's
    several = param.multiple or param.nargs == -1
    stated = value is not None and (value != () or not several)
    read = _reader(param, value)
    if (param.required and not stated) or (stated and read is None):
        return by_typer(ctx, value)
    if not stated or read is None:
        found: Any = () if several else None
    else:
        found = tuple(map(read, value)) if several else read(value)
    return found if param.callback is None else param.callback(ctx, param, found)


def _reader(param: Any, value: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - Typer's
    """What reads a parameter's values; None where Typer has to."""
    kind, info = param.type_descriptor.annotation, param.type_descriptor.parameter_info
    if info.parser is not None:
        return info.parser  # type: ignore[no-any-return]
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if kind in (int, float):
        return partial(_number, kind, info.min, info.max)
    if kind is str or isinstance(value, bool):
        return lambda stated: stated
    return Path if kind is Path else None


def _number(kind: type[int | float], least: float | None, most: float | None, stated: Any) -> int | float:  # noqa: ANN401 - text, or a default
    what = "a whole number" if kind is int else "a number"
    try:
        found = kind(stated)
    except ValueError:
        raise typer.BadParameter(f"{stated!r} is not {what}") from None
    if kind is int and abs(found) > sys.maxsize:
        raise typer.BadParameter(f"{stated} is beyond all numbers that are taken")
    if least is not None and not found >= least:
        raise typer.BadParameter(f"{stated} is less than {least}")
    if most is not None and not found <= most:
        raise typer.BadParameter(f"{stated} is more than {most}")
    return found
