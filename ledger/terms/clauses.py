"""The clauses of the documents, by id: what each is about, in a line of our own words."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ledger.terms import REGISTER


@cache
def clause_titles() -> Mapping[str, str]:
    """What each clause is about, by its id. Clauses of documents that others have written are not among them."""
    register = tomllib.loads(files("ledger.terms").joinpath(REGISTER).read_text("utf-8"))
    return {clause["id"]: clause["title"] for clause in register["clauses"]}
