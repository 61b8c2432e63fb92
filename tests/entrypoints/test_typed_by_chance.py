"""Whatever is typed at whichever verb, it ends as `shell` says: no defect, no silence, nothing a terminal obeys."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.entrypoints.cli.branches import grown, paths
from tests.entrypoints.pulsa import NUMBER, START, Pulsa
from tests.often import TIMES

VERBS = 25 * TIMES
GO_ON = frozenset(
    {
        *(f"service {verb}" for verb in ("write", "run", "advance", "kafka")),
        *("projections run", "projections publish", "data simulate"),
    }
)
"""What goes on until it is stopped, or for as long as is asked."""
ON = {"--help", "-h", "--every", "--follow"}
TYPED = (
    *(
        "",
        " ",
        "-1",
        "0",
        "1",
        "x",
        "\x1b[31m",
        "\u202eabc",
        "é",
        "9" * 30,
        "1e9",
        "NaN",
        "a" * 300,
        "%s",
        "\\",
        "'",
    ),
    *(NUMBER, f"{NUMBER}#1", "0881-1234-5678", f"{NUMBER}-1-B0001", "customer/C-1", f"statement/{'0' * 32}"),
    *(
        "2024-02-30",
        "2024-01-20",
        "2024-01-20T10:00:00+07:00",
        "9999-12-31T23:59:59Z",
        "2024-02-30T10:00:00Z",
    ),
    *("/nonexistent/x", "/dev/null", ".", "true", "null", "[]", "{}", "a=b", "usage:5000:x", "0:1", "99:1"),
    *("Asia/Jayapura", "smartfren-prepaid-2023", "privacy-smarty", "operator/usage", "all", "voice", "--"),
)


def options_of(path: str) -> list[Any]:
    """What a verb takes."""
    noun, _, verb = path.partition(" ")
    found: Any = grown(noun)
    return list((found.get_command(None, verb) if verb else found).params)


def words_typed(path: str, chance: random.Random) -> Iterator[str]:
    """A verb with whatever somebody might type behind it; tried only, where that can be."""
    yield from path.split()
    for option in options_of(path):
        name = max(option.opts, key=len)
        if option.param_type_name == "argument":
            yield chance.choice(TYPED)
        elif getattr(option, "hidden", False) or ON & {*option.opts}:
            continue
        elif name == "--dry-run" or option.required or chance.randrange(3) == 0:
            yield name if option.is_flag else f"{name}={chance.choice(TYPED)}"


def test_nothing_that_is_typed_is_a_defect(
    pulsa: Pulsa, chance: random.Random, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulsa.active()
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    for path in chance.sample(sorted({path for path, _ in paths()} - GO_ON), min(VERBS, 150)):
        words = [*words_typed(path, chance)]
        result = pulsa(*words, feed="", PULSA_NOW=START)
        assert result.exit_code in {0, 1, 2}, words
        assert "defect" not in result.stderr, (words, result.stderr)
        assert not {"\x1b", "\u202e"} & {*result.output}, words
        assert result.output or (result.exit_code == 0 and {"--json", "--csv"} & {*words}), words
