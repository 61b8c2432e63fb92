"""What a document of terms says, value by value: by which clause, from which source, and what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from ledger.domain.terms import Terms
from ledger.errors import TermsMissing
from ledger.terms.clauses import clause_titles
from ledger.terms.values import Value, values_of
from ledger.terms.wording import words_of

_LABEL = re.compile(r"\[[^\]]*\]")


class Explained(NamedTuple):
    """A value, what it does, and what its clause is about (None: it cites none, or one of nobody's register)."""

    value: Value
    does: str
    clause_title: str | None

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        value = self.value
        return {
            "key": value.path,
            "value": value.value,
            "said": value.said,
            "does": self.does,
            "takes": value.key.takes,
            "clause": value.clause,
            "clause_title": self.clause_title,
            "source": value.source or None,
        }


def explain(terms: Terms, key: str | None = None) -> Iterator[Explained]:
    """Every value of a document, or those at a key and below it; a list is meant whole where its label is left out.

    Raises TermsMissing where there is no such key, with those that look like it.
    """
    every = list(values_of(terms))
    meant = every if key is None else [value for value in every if _is_at(value.path, key)]
    if not meant:
        near = get_close_matches(key or "", _named(every), n=5, cutoff=0.4)
        hint = f"; these are like it: {', '.join(near)}" if near else ""
        raise TermsMissing(f"{terms.id}: there is no key {key}{hint}")
    for value in meant:
        within = [] if value.within is None else [words_of(value.within)]
        title = clause_titles().get(value.clause or "")
        yield Explained(value, " ".join([*within, words_of(value.key)]), title)


def _is_at(path: str, key: str) -> bool:
    return any(
        candidate == key or candidate.startswith((f"{key}.", f"{key}["))
        for candidate in (path, _LABEL.sub("", path))
    )


def _named(values: list[Value]) -> list[str]:
    """What could be asked for: keys, and the sections that they are in."""
    found: dict[str, None] = {}
    for value in values:
        parts = _LABEL.sub("", value.path).split(".")
        for length in range(1, len(parts) + 1):
            found[".".join(parts[:length])] = None
    return list(found)
