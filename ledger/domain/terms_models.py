"""The model of each product's terms: a document, as a file or as a log has it, is read by the one of its product."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from ledger.domain.reading_sections import Faulty, read
from ledger.domain.terms import Terms
from ledger.errors import TermsInvalid

_Model = TypeVar("_Model", bound=Terms)

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
    return said_by(_model_of(values), values)


def said_by(model: type[_Model], values: Mapping[str, object]) -> _Model:
    """The terms of a model that values say. Raises TermsInvalid as `resolved` does."""
    try:
        return read(model, values)
    except Faulty as error:
        raise TermsInvalid(str(error)) from None


def understood(content: str, terms_id: str) -> Terms:
    """The terms of a text published under an id, as this release understands it. Raises TermsInvalid: one line."""
    try:
        values = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise TermsInvalid(f"is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise TermsInvalid("is not a JSON object")
    try:
        terms = read(_model_of(values), values, brief=True)
    except Faulty as error:
        faults = [_printable(fault) for fault in error.faults[:_MOST_FAULTS]]
        more = len(error.faults) - len(faults)
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


def _printable(fault: str) -> str:
    """What of it a terminal may show."""
    return repr(fault[:_LONGEST_FAULT])[1:-1] if not fault.isprintable() else fault[:_LONGEST_FAULT]
