"""Every clause is carried out and tested, or says why not; the generated table tells the truth."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.shared import shared_file
from tests.traceability import Project, cited_by_tests

PROJECT = Project()


def test_the_generated_table_is_current() -> None:
    written = PROJECT.table_file.read_text(encoding="utf-8")
    assert written == PROJECT.table(), "run python -m tests.traceability"


def test_every_clause_that_is_not_pending_has_a_test_that_cites_it() -> None:
    assert PROJECT.untested() == []


def test_no_clause_is_called_pending_that_a_test_proves() -> None:
    assert PROJECT.tested_though_pending() == []


def test_every_cited_clause_is_in_the_register() -> None:
    assert PROJECT.unknown() == []


def test_the_register_names_each_clause_once_under_the_set_of_its_prefix() -> None:
    twice = [clause for clause, count in Counter(c.id for c in PROJECT.clauses).items() if count > 1]
    assert twice == []
    assert [c.id for c in PROJECT.clauses if c.id.partition("-")[0] != c.set] == []
    assert {c.set for c in PROJECT.clauses} == PROJECT.sets.keys()


def test_the_register_has_every_clause_of_the_source_documents_and_no_other() -> None:
    text = shared_file("clauses.md").read_text(encoding="utf-8")
    demanded = re.findall(r"^\| ([A-Z0-9]+-[0-9]{2}) \|", text, re.MULTILINE)
    assert sorted(c.id for c in PROJECT.clauses) == sorted(demanded)


def test_marks_are_found_on_tests_on_classes_and_in_tables_of_cases() -> None:
    source = """
import pytest

CASES = [pytest.param(1, marks=pytest.mark.clause("TS-01"))]

@pytest.mark.clause("SP23-14", "SP23-24e")
def test_one(): ...

@pytest.mark.clause("SP23-15")
class TestMore:
    @pytest.mark.parametrize("n", [pytest.param(2, marks=pytest.mark.clause("SP23-16"))])
    def test_two(self, n): ...

@pytest.mark.clause("SP23-17")
def not_a_test(): ...
"""
    assert list(cited_by_tests(source)) == [
        ("(module)", "TS-01"),
        ("test_one", "SP23-14"),
        ("test_one", "SP23-24"),
        ("TestMore", "SP23-15"),
        ("TestMore.test_two", "SP23-16"),
    ]


def test_a_mark_whose_id_is_not_written_out_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1: a clause id is written out"):
        list(cited_by_tests("@pytest.mark.clause(WHICH)\ndef test_one(): ..."))


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """A project of three clauses: one carried out and tested, one not tested, one pending."""
    files = {
        "ledger/terms/clauses.toml": """
sets.TS = { document = "some terms", in_force_from = "undated" }
clauses = [
    { id = "TS-01", set = "TS", title = "one" },
    { id = "TS-02", set = "TS", title = "two" },
    { id = "TS-03", set = "TS", title = "three", pending = "not sold" },
]""",
        "ledger/terms/some.toml": """
top_up = { clause = "TS-01", source = "by TS-02" }
grounds = [{ code = "a", clause = "TS-01" }, { code = "b", clause = "TS-01" }]""",
        "ledger/domain/prepaid/validity.py": "# TS-01, and an XX-99 that is no set of ours",
        "tests/domain/test_one.py": "@pytest.mark.clause('TS-01', 'TS-03', 'TS-77')\ndef test_it(): ...",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return Project(tmp_path)


def test_gaps_between_clauses_and_tests_are_named(small: Project) -> None:
    assert small.untested() == ["TS-02"]
    assert small.tested_though_pending() == ["TS-03"]
    assert small.unknown() == ["TS-77"]


def test_a_row_of_the_table_leads_from_the_clause_to_its_rules_and_tests(small: Project) -> None:
    rules = "terms `some`: `top_up.clause`, `grounds[].clause`<br>code: `ledger/domain/prepaid/validity.py`"
    assert small.table().splitlines()[-4:] == [
        "|---|---|---|---|",
        f"| TS-01 | one | {rules} | `tests/domain/test_one.py`: `test_it` |",
        "| TS-02 | two | terms `some`: `top_up.source` | none yet |",
        "| TS-03 | three | pending: not sold | |",
    ]
