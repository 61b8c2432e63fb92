"""Each way in which the ledger can refuse to go on has its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import LedgerError, QueryRefused

_RUNBOOK = Path(__file__).resolve().parents[1] / "docs" / "runbook"


def _codes(cls: type[LedgerError]) -> list[str]:
    """Every code below a class, but those of questions: they say what to ask instead."""
    return [
        code for sub in cls.__subclasses__() if sub is not QueryRefused for code in (sub.code, *_codes(sub))
    ]


@pytest.mark.parametrize("code", sorted(set(_codes(LedgerError))))
def test_an_error_has_its_page_and_stands_in_the_list(code: str) -> None:
    page = (_RUNBOOK / f"{code}.md").read_text("utf-8")
    assert page.startswith(f"# {code}\n")
    assert "**What to do.**" in page
    assert f"[{code}]({code}.md)" in (_RUNBOOK / "README.md").read_text("utf-8")
