"""A snapshot is of use to the code that made it alone: whatever the fold imports is part of its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ledger.domain
from ledger.store.layout import FOLDED_BY

_DOMAIN = Path(ledger.domain.__file__).parent


def imported(module: str) -> Iterator[str]:
    """The modules of the domain that a module of it imports, whichever way it says so."""
    for node in ast.walk(ast.parse((_DOMAIN / module).read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "ledger.domain":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ledger.domain."):
            names = [str(node.module).split(".")[2]]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".")[2] for a in node.names if a.name.startswith("ledger.domain.")]
        yield from (f"{name}.py" for name in names)


def test_every_module_that_the_fold_imports_is_in_its_digest() -> None:
    reached, waiting = set[str](), ["account.py", "number.py"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imported(module)
    assert {"calendar.py", "terms.py"} <= reached
    assert set(FOLDED_BY) == reached
    assert list(FOLDED_BY) == sorted(FOLDED_BY)
