"""The kind that numbers with their accounts are of: what every product has, and what each product brings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.kinds import Kind, register, those_of
from ledger.domain.line import (
    commands,
    dispute_commands,
    dispute_events,
    erasure_commands,
    erasure_events,
    events,
)
from ledger.domain.line.commands import AdvanceTime
from ledger.domain.line.deciding import admit, decide
from ledger.domain.line.line import line_in
from ledger.domain.line.number import Number
from ledger.domain.line.product import PRODUCTS, Product
from ledger.domain.line.raising_disputes import RAISING_ENDED, RAISING_RELATIONS
from ledger.domain.subject import CLOCK

K = TypeVar("K")
V = TypeVar("V")


_BASES = {"LineCommand", "_OfDebt", "DisputeCommand", "OfHolder"}
"""What commands are made of."""


def _merged(each: Iterable[Mapping[K, V]]) -> dict[K, V]:
    """What all products say, each of its own commands and events. Raises ValueError where two say the same."""
    merged: dict[K, V] = {}
    for said in each:
        if taken := merged.keys() & said.keys():
            raise ValueError(f"line: two products have {sorted(map(str, taken))}")
        merged.update(said)
    return merged


def kind_of_lines(products: Iterable[Product[Any]]) -> Kind:
    """The kind of lines whose accounts are of these products. Raises ValueError where two say what follows from one."""
    each = tuple(products)
    return Kind(
        name="line",
        prefixes=(),
        subjects=re.compile(r"[0-9T][^#/@]*"),
        commands=(
            *(
                one
                for one in those_of(Command, commands, dispute_commands, erasure_commands)
                if one.__name__ not in _BASES
            ),
            *(one for product in each for one in product.commands),
        ),
        events=(
            *those_of(Event, events, dispute_events, erasure_events),
            *(one for product in each for one in product.events),
        ),
        states=(*(product.account for product in each), Number),
        load=lambda id_, streams, book, claimed: line_in(streams, id_, book, claimed),
        admit=admit,
        decide=decide,
        advancing=lambda subject, at, id_: AdvanceTime(at=at, command_id=id_, actor=CLOCK, msisdn=subject),
        follows=_merged(product.follows for product in each),
        returns=_merged(product.returns for product in each),
        ended=_merged([RAISING_ENDED, *(product.ended for product in each)]),
        relations=_merged([RAISING_RELATIONS, *(product.relations for product in each)]),
        forms=_merged(product.forms for product in each),
    )


register(kind_of_lines(PRODUCTS.values()))
