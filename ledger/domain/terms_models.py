"""The model of each product's terms: a document, as a file or as a log has it, is read by the one of its product."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping
from itertools import islice

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from ledger.domain.terms import Terms
from ledger.domain.terms_keys import key_at, keys_of, section_at
from ledger.errors import TermsInvalid

MODELS: dict[str, type[Terms]] = {}
"""The model of each product's terms, by the product's name: whoever registers a product (`line.product`) puts it in."""

UNSAID = "prepaid"
"""The product of documents that name none."""

_MOST_FAULTS = 10
"""Faults of a published document that are told: whoever reads it cannot mend it."""

_LONGEST_FAULT = 200
"""Characters of each: keys come from the log, and may be of any length."""


def resolved(values: Mapping[str, object]) -> Terms:
    """The terms of a file's values, defaults filled in. Raises TermsInvalid: a line for each fault, with its key."""
    model = _model_of(values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise TermsInvalid("\n".join(_faults(error, model))) from None


def understood(content: str, terms_id: str) -> Terms:
    """The terms of a text published under an id, as this release understands it. Raises TermsInvalid: one line."""
    try:
        values = from_json(content)
    except ValueError as error:
        raise TermsInvalid(f"is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise TermsInvalid("is not a JSON object")
    model = _model_of(values)
    try:
        terms = model.model_validate_json(content)
    except ValidationError as error:
        faults = [_printable(fault) for fault in islice(_faults(error, model, brief=True), _MOST_FAULTS)]
        more = error.error_count() - len(faults)
        raise TermsInvalid("; ".join([*faults, *([f"and {more} more"] if more else [])])) from None
    if terms.id != terms_id:
        raise TermsInvalid(f"id: it is {terms.id[:_LONGEST_FAULT]}")
    return terms


def under(terms_id: str, terms: Terms) -> Terms:
    """The same rules under another id, as if they had been published under it. Raises TermsInvalid."""
    return understood(json.dumps(json.loads(terms.content) | {"id": terms_id}), terms_id)


def _model_of(values: Mapping[str, object]) -> type[Terms]:
    product = values.get("product", UNSAID)
    model = MODELS.get(product) if isinstance(product, str) else None
    if model is None:
        known = ", ".join(sorted(MODELS))
        raise TermsInvalid(
            f"product: the ledger knows none of this name, but {known} (it is {reprlib.repr(product)})"
        )
    return model


def _faults(error: ValidationError, model: type[Terms], *, brief: bool = False) -> Iterator[str]:
    """A line for each fault; what could stand there instead is not said of what nobody can mend (`brief`)."""
    for details in error.errors(include_url=False):
        place, fault = _place(details["loc"]), _fault(details, model, brief=brief)
        yield f"{place}: {fault}" if place else fault


def _place(keys: tuple[int | str, ...]) -> str:
    """The key path as TOML writes it, list items by their index: `tariffs[0].prices[2].daily_cap`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def _fault(details: ErrorDetails, model: type[Terms], *, brief: bool) -> str:
    kind, place, given = details["type"], details["loc"], details["input"]
    key = key_at(model, place)
    if kind == "missing" and key is not None:
        return "is missing" if brief else f"is missing: {key.takes}"
    shown = f" (it is {reprlib.repr(given)})" if isinstance(given, str | int | float) else ""
    if kind == "extra_forbidden":
        within = section_at(model, place[:-1])
        there = "" if brief or within is None else f"; there are {', '.join(keys_of(within))}"
        return f"the ledger knows no such key{shown}{there}"
    if kind == "value_error" or key is None:
        return f"{details['msg'].removeprefix('Value error, ')}{shown}"
    return f"is not {key.one if isinstance(place[-1], int) else key.takes}{shown}"


def _printable(fault: str) -> str:
    """What of it a terminal may show."""
    return repr(fault[:_LONGEST_FAULT])[1:-1] if not fault.isprintable() else fault[:_LONGEST_FAULT]
