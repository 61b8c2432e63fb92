"""A section made of the values that somebody states, key by key; and every fault of them, in a line with its place."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ledger.domain.sections import Section
from ledger.domain.terms_keys import Key, keys_of

_S = TypeVar("_S", bound=Section)


class Faulty(ValueError):
    """Values make no section; `faults` are lines that say why."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read(model: type[_S], values: Mapping[str, object], *, brief: bool = False) -> _S:
    """The section of a model that values say, defaults filled in. Raises Faulty.

    What could stand there instead is not said of what nobody can mend (`brief`).
    """
    reading = _Reading(brief=brief)
    found = reading.section(model, values, "")
    if found is None or reading.faults:
        raise Faulty(reading.faults)
    return found


class _Reading:
    """One reading; places are written as TOML has keys, items of lists by their index: `tariffs[0].prices`."""

    def __init__(self, *, brief: bool) -> None:
        self.faults: list[str] = []
        self._brief = brief

    def section(self, model: type[_S], given: Mapping[str, object], place: str) -> _S | None:
        """The section; None where something is wrong with it."""
        before = len(self.faults)
        keys = keys_of(model)
        within = f"{place}." if place else ""
        found = {}
        for name, key in keys.items():
            if name in given:
                found[key.field] = self._value(key, given[name], f"{within}{name}")
            elif key.required:
                self.faults.append(f"{within}{name}: is missing{'' if self._brief else f': {key.takes}'}")
        self.faults.extend(f"{within}{fault}" for fault in self._unknown(keys, given))
        if len(self.faults) > before:
            return None
        made = model(**found)
        try:
            made.must_hold()
        except ValueError as error:
            self.faults.append(f"{place}: {error}" if place else str(error))
        return made

    def _unknown(self, keys: Mapping[str, Key], given: Mapping[str, object]) -> Iterator[str]:
        there = "" if self._brief else f"; there are {', '.join(keys)}"
        for name, value in given.items():
            if name not in keys:
                yield f"{name}: the ledger knows no such key{_shown(value)}{there}"

    def _value(self, key: Key, given: object, place: str) -> Any:  # noqa: ANN401 - any value of terms
        if given is None and key.optional:
            return None
        if not key.many:
            return self._one(key, given, place, key.takes)
        if not isinstance(given, list | tuple):
            self.faults.append(f"{place}: is not {key.takes}{_shown(given)}")
            return None
        return tuple([self._one(key, one, f"{place}[{n}]", key.one) for n, one in enumerate(given)])

    def _one(self, key: Key, given: object, place: str, takes: str) -> Any:  # noqa: ANN401 - any value of terms
        if key.section is not None:
            if isinstance(given, key.section):
                return given
            if isinstance(given, Mapping):
                return self.section(key.section, given, place)
        try:
            return key.read(given)
        except ValueError as error:
            self.faults.append(f"{place}: {str(error) or f'is not {takes}'}{_shown(given)}")


def _shown(given: object) -> str:
    return f" (it is {reprlib.repr(given)})" if isinstance(given, str | int | float) else ""
