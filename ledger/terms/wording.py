"""What each key of a document does: the docstring below its field in the model, read when it is asked for."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from ledger.domain.sections import Section
from ledger.domain.terms_keys import Key


def words_of(key: Key) -> str:
    """What a key does, in a line."""
    for section in key.owner.__mro__[:-1]:
        found = _fields(section).get(key.field)
        if found:
            return found
    return title_of(key.owner)


def title_of(section: type[Section]) -> str:
    """What a section is, in a line."""
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


@cache
def _fields(section: type) -> dict[str, str]:
    """What a class itself says of its fields."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    return {
        field.target.id: " ".join(said.value.value.split())
        for field, said in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }
