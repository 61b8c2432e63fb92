"""Every value of a document of terms, one by one: its key, its clause, where it was published.

In a list of sections each goes by what tells it from the others: `grounds[lost-or-stolen].title`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from ledger.domain.rules import Clause
from ledger.domain.sections import Section
from ledger.domain.terms import Terms
from ledger.domain.terms_keys import Key, json_of, keys_of
from ledger.figures import price

_OF_THE_RULE = ("clause", "source")
"""Keys that tell of the values beside them."""


class Value(NamedTuple):
    """A value as files write it: a string, a number, or a list of them; None where there is none.

    `within` is the key of the section that it stands in, `said` whether the document says it or leaves it to the
    default.
    """

    path: str
    key: Key
    within: Key | None
    value: Any
    clause: Clause | None
    source: str
    said: bool

    @property
    def text(self) -> str:
        """The value in a line, money as people write it."""
        if self.key.is_money and self.value not in (None, []):
            many = self.value if isinstance(self.value, list) else [self.value]
            return ", ".join(price(str(one)) for one in many)
        return in_a_line(self.value)


def in_a_line(value: Any) -> str:  # noqa: ANN401 - any value of terms
    """A value as people read it."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def values_of(terms: Terms) -> Iterator[Value]:
    """Every value of a document, defaults included, in the model's order."""
    return _of(terms, json_of(terms), "", None, (None, ""))


def _of(
    section: Section, dumped: dict[str, Any], under: str, within: Key | None, cited: tuple[Clause | None, str]
) -> Iterator[Value]:
    clause = getattr(section, "clause", None) or cited[0]
    source = getattr(section, "source", "") or cited[1]
    for name, key in keys_of(type(section)).items():
        if name in _OF_THE_RULE:
            continue
        path, held = f"{under}{name}", getattr(section, key.field)
        said = key.field in section.said
        inner = dumped.get(name, held)  # what is published only where it is said is not dumped
        if key.section is None or held is None or held == ():
            own = held if key.names_a_clause else clause
            yield Value(path, key, within, [] if held == () else inner, own, source, said)
        elif key.many:
            sections = cast("Sequence[Section]", held)
            for label, one, values in zip(_labels(key.section, inner), sections, inner, strict=True):
                yield from _of(one, values, f"{path}[{label}].", key, (clause, source))
        else:
            yield from _of(held, inner, f"{path}.", key, (clause, source))


def _labels(section: type[Section], dumped: Sequence[dict[str, Any]]) -> list[str]:
    """What tells each of them from the others: the first of its keys, and as many more as it takes."""
    names = [
        name for name, key in keys_of(section).items() if key.section is None and name not in _OF_THE_RULE
    ]
    labels: list[list[str]] = [[] for _ in dumped]
    for name in names:
        for label, values in zip(labels, dumped, strict=True):
            if values[name] not in (None, []):
                label.append(in_a_line(values[name]).replace(", ", "+"))
        if len({" ".join(label) for label in labels}) == len(dumped):
            return [" ".join(label) for label in labels]
    return [str(number) for number in range(1, len(dumped) + 1)]
