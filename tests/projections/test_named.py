"""What a question names: a number, an account, a ledger account; and what no answer can be told of."""

from __future__ import annotations

import pytest

from ledger.domain.ids import is_operators, number_in, part_in
from ledger.domain.line.line import Line
from ledger.domain.terms_book import TermsBook
from ledger.errors import QueryRefused
from projections.engine.unanswered import UnknownThen
from projections.line.lines_as_of import accounts_in
from projections.money.ledger_accounts import CustomersPart, ledger_account
from tests.domain.flat import FlatAccount

NUMBER = "6288112345678"


def test_a_number_is_read_from_itself_and_from_its_accounts() -> None:
    assert number_in(NUMBER) == number_in(f"{NUMBER}#12") == NUMBER


@pytest.mark.parametrize(
    "text",
    ["", "log@0", "0812345678", NUMBER + "#", NUMBER + "#0", f"#{NUMBER}", f"{NUMBER}#1#1", f"{NUMBER}\n"],
)
def test_what_is_neither_is_no_number(text: str) -> None:
    assert number_in(text) is None
    assert part_in(f"{text}/credit") is None


def test_a_ledger_account_is_a_part_of_an_account_or_the_operators() -> None:
    assert part_in(f"{NUMBER}#2/in-transit") == (f"{NUMBER}#2", "in-transit")
    assert ledger_account(f"{NUMBER}#2/reserved").customer == CustomersPart(f"{NUMBER}#2", NUMBER, "reserved")
    assert is_operators("operator/breakage")
    assert not is_operators(f"{NUMBER}#2/credit")
    for name in (f"{NUMBER}#2/owed", f"{NUMBER}/credit", f"{NUMBER}#2/credit/", "operator/owed"):
        with pytest.raises(UnknownThen):
            ledger_account(name)


def test_an_account_of_a_product_that_is_not_told_of_is_refused_with_a_code() -> None:
    line = Line(NUMBER, TermsBook())
    line.account = FlatAccount(id=f"{NUMBER}#1")
    with pytest.raises(QueryRefused, match="#1 is flat") as refused:
        accounts_in(line)
    assert refused.value.code == "query-refused"
