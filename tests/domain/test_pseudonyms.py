"""Numbers under other names: one for one, the same for the same key, and read as numbers still."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.audit.pseudonymising import OtherNames
from ledger.domain.ids import NUMBER, is_token
from ledger.domain.pseudonyms import Pseudonyms

NAMED = Pseudonyms(b"k" * 32)
numbers = st.from_regex(r"[1-8][0-9]{6,13}", fullmatch=True)


@given(numbers)
def test_a_number_becomes_another_number_which_nobody_has(number: str) -> None:
    said = NAMED.of(number)
    assert NUMBER.fullmatch(said)
    assert (len(said), said) == (15, Pseudonyms(b"k" * 32).of(number))
    assert said != Pseudonyms(b"l" * 32).of(number)


def test_no_two_numbers_become_one() -> None:
    many = [str(6288100000000 + n) for n in range(3_000)]
    assert len({NAMED.of(one) for one in many}) == len(many)


def test_what_is_written_with_a_number_still_joins() -> None:
    number = NAMED.of("6288112345678")
    assert NAMED.of("6288112345678#1/credit") == f"{number}#1/credit"
    assert NAMED.of("policy/tr-1/6288112345678-1-B0001") == f"policy/tr-1/{number}-1-B0001"
    assert (
        NAMED.of("operator/breakage, cdr-000013, 2024-03-01") == "operator/breakage, cdr-000013, 2024-03-01"
    )
    card = NAMED.of("8962090000000000017")
    assert (len(card), card.isdigit(), card == "8962090000000000017") == (19, True, False)
    assert len(NAMED.of("999999999999999")) == 15


TOKEN = "TABCDEFGHIJKLMNOPQ234"


@pytest.mark.parametrize("text", [TOKEN, f"PAY{TOKEN}", f"{TOKEN}2024", f"VA{TOKEN}{TOKEN}", f"pay-{TOKEN}0"])
def test_a_token_is_renamed_wherever_it_is_written(text: str) -> None:
    said = NAMED.of(text)
    assert TOKEN not in said
    assert (len(said), said) == (len(text), NAMED.of(text))
    assert is_token(NAMED.of(TOKEN))
    assert NAMED.of(f"E{TOKEN}#1/3.2") == f"E{NAMED.of(TOKEN)}#1/3.2"  # a record of the account
    assert NAMED.of("customer/CTTTTTTTTTTTTTTTTTTTT") == "customer/CTTTTTTTTTTTTTTTTTTTT"


@pytest.mark.parametrize("before", ["0" * 22, "9" * 19 + "-"])
def test_digits_are_no_digest_however_many_they_are(before: str) -> None:
    said = OtherNames(NAMED).within(
        {"reference": f"{before}6288112345678", "digest": f"{'ab' * 8}6288112345678abc"}
    )
    assert "6288112345678" not in said["reference"]
    assert said["digest"] == f"{'ab' * 8}6288112345678abc"  # which says nothing of any number
