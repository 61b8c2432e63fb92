"""Options and arguments read as they are stated, where Typer has nothing to convert.

Typer makes a validator for each of them, also of what nobody states, and imports pydantic for it: that took longer than
most answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any


def read_as_stated(params: Iterable[Any]) -> None:
    """Has parameters that Typer has made take what is not stated, and text, as they are, or as their `parser` does."""
    for param in params:
        param.process_value = partial(_value, param, param.process_value)


def _value(param: Any, by_typer: Callable[..., Any], ctx: Any, value: Any) -> Any:  # noqa: ANN401 - Typer's
    several = param.multiple or param.nargs == -1
    stated = value is not None and (value != () or not several)
    parser = param.type_descriptor.parameter_info.parser
    taken = (
        parser is not None or isinstance(value, bool) or param.type_descriptor.annotation in (str, list[str])
    )
    if (param.required and not stated) or (stated and not taken):
        return by_typer(ctx, value)
    if not stated:
        found: Any = () if several else None
    elif parser is None:
        found = value
    else:
        found = tuple(map(parser, value)) if several else parser(value)
    return found if param.callback is None else param.callback(ctx, param, found)
