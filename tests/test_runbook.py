"""Each way in which the ledger can refuse to go on has its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import WITH_A_PAGE, LedgerError, QueryRefused, page_of

_RUNBOOK = Path(__file__).resolve().parents[1] / "docs" / "runbook"


def _codes(cls: type[LedgerError]) -> list[str]:
    """Every code below a class, but those of questions: they say what to ask instead."""
    return [
        code for sub in cls.__subclasses__() if sub is not QueryRefused for code in (sub.code, *_codes(sub))
    ]


def test_every_page_is_named_by_a_code_and_every_code_of_an_error_names_one() -> None:
    assert {path.stem for path in _RUNBOOK.glob("*.md")} - {"README"} == WITH_A_PAGE
    assert set(_codes(LedgerError)) <= WITH_A_PAGE
    assert page_of("query-refused") is None


@pytest.mark.parametrize("code", sorted(WITH_A_PAGE))
def test_an_error_has_its_page_and_stands_in_the_list(code: str) -> None:
    named = page_of(code)
    assert named is not None
    page = (_RUNBOOK.parents[1] / named).read_text("utf-8")
    assert page.startswith(f"# {code}\n")
    assert "**What to do.**" in page
    assert f"[{code}]({code}.md)" in (_RUNBOOK / "README.md").read_text("utf-8")
