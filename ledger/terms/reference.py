"""The page of every key of terms, made from the models: `python -m ledger.terms.reference` prints it."""

from __future__ import annotations

import sys

from ledger.domain.terms_keys import Key, places
from ledger.domain.terms_models import MODELS
from ledger.terms.values import in_a_line
from ledger.terms.wording import words_of

_HEAD = """\
# Every key of terms

What a terms file may say, for each product. Generated from the models by `python -m ledger.terms.reference`, and held
equal to them by a test. `[]` stands for each item of a list. A rule cites its `clause`, and its `source` names where
the values were published: no rule, and not recorded in the log. `pulsa terms new` writes a file to begin with; how to
use it: [write terms](write-terms.md).
"""


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *(_table(name) for name in sorted(MODELS))])


def _table(product: str) -> str:
    rows = [
        f"| `{path}` | {_cell(key.takes)} | {_unsaid(key)} | {_cell(words_of(key))} |"
        for path, key in places(MODELS[product])
        if key.name not in ("clause", "source")
    ]
    return "\n".join(
        [f"## {product}\n", "| key | takes | not said | what it does |", "|---|---|---|---|", *rows, ""]
    )


def _unsaid(key: Key) -> str:
    """What holds where the key is not said."""
    if key.required:
        return "must be said"
    if isinstance(key.default, dict):
        said = {
            name: value for name, value in key.default.items() if isinstance(value, str | int) and value != ""
        }
        return _cell(", ".join(f"{name} {value}" for name, value in said.items())) or "as below"
    return _cell(in_a_line(key.default))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
