"""Money: one way to write an amount, integer sen inside, and postings that balance per unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.money import (
    CASH,
    CREDIT_ISSUED,
    CREDIT_SALES,
    IDR,
    LARGEST_AMOUNT,
    LARGEST_BALANCE,
    PULSA,
    Posting,
    format_amount,
    hundredths,
    imbalance,
    parse_amount,
    transfer,
)

DECIMALS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?\Z", alphabet=st.characters(codec="ascii"))
AMOUNTS = st.integers(-LARGEST_AMOUNT, LARGEST_AMOUNT)


@pytest.mark.parametrize(
    ("text", "sen"),
    [
        ("0", 0),
        ("5000", 500_000),
        ("5.05", 505),
        ("5.5", 550),
        ("0.01", 1),
        ("0.1", 10),
        ("1272.60", 127_260),
        ("-0.05", -5),
        ("-0.5", -50),
        ("-12.34", -1234),
        ("-0", 0),
        ("-0.00", 0),
        ("10000000000000", LARGEST_AMOUNT),
        ("-10000000000000.00", -LARGEST_AMOUNT),
    ],
)
def test_an_amount_is_read_as_sen(text: str, sen: int) -> None:
    assert parse_amount(text) == sen


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        ".",
        "+1",
        "--1",
        "1.",
        ".5",
        "-.5",
        "01",
        "00",
        "-01.00",
        "1.234",
        "1,50",
        "1.000.000",
        "1_000",
        "1e3",
        "1E3",
        "0x10",
        "Rp5000",
        "5000 IDR",
        " 5000",
        "5000 ",
        "5000\n",
        "\t5000",
        "5 000",
        "NaN",
        "Infinity",
        "-inf",
        "1/2",
        "٥٠٠٠",  # noqa: RUF001 - digits of another script
        "5٠",  # noqa: RUF001
        "½",
        "²",
        "−5",  # noqa: RUF001 - a minus sign that is no hyphen
        "None",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["10000000000000.01", "-10000000000000.01", "99999999999999999999"])
def test_an_amount_beyond_the_largest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="larger than any amount"):
        parse_amount(text)


def test_a_text_of_any_length_is_refused_without_being_computed() -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount("9" * 1_000_000)


@pytest.mark.parametrize(
    ("sen", "text"),
    [
        (0, "0"),
        (1, "0.01"),
        (10, "0.10"),
        (-5, "-0.05"),
        (500_000, "5000"),
        (127_260, "1272.60"),
        (-1234, "-12.34"),
        (-100, "-1"),
        (LARGEST_BALANCE, "1" + 16 * "0"),
    ],
)
def test_sen_are_written_as_a_decimal_string(sen: int, text: str) -> None:
    assert format_amount(sen) == text


@given(AMOUNTS)
def test_what_is_written_is_read_back(sen: int) -> None:
    assert parse_amount(format_amount(sen)) == sen


@given(st.text("0123456789.-+eE_ ", max_size=22))
def test_what_is_accepted_means_what_it_says(text: str) -> None:
    try:
        sen = parse_amount(text)
    except ValueError:
        return
    whole, _, cents = text.removeprefix("-").partition(".")
    assert abs(sen) == int(whole) * 100 + int((cents + "00")[:2])
    assert sen == 0 or (sen < 0) == text.startswith("-")


@given(AMOUNTS, st.sampled_from([PULSA, IDR]))
def test_a_transfer_takes_from_one_account_what_it_gives_to_the_other(amount: int, unit: str) -> None:
    postings = transfer(unit, "a", "b", amount)  # type: ignore[arg-type]
    assert imbalance(postings) == {}
    assert sum(p["amount"] for p in postings if p["account"] == "b") == amount
    assert sum(p["amount"] for p in postings if p["account"] == "a") == -amount
    assert all(p["amount"] for p in postings), "a posting of nothing is no posting"


@pytest.mark.clause("SP23-01", "XP25-01")
def test_postings_balance_only_if_each_unit_does() -> None:
    """Rupiah never stand for credit: the same amount of the other unit does not balance."""
    sold = transfer(PULSA, CREDIT_ISSUED, "6288112345678#1/credit", 500_000)
    paid = transfer(IDR, CREDIT_SALES, CASH, 550_000)
    assert imbalance([*sold, *paid]) == {}
    mixed: list[Posting] = [
        {"account": "6288112345678#1/credit", "unit": PULSA, "amount": 500_000},
        {"account": CASH, "unit": IDR, "amount": -500_000},
    ]
    assert imbalance(mixed) == {PULSA: 500_000, IDR: -500_000}


def test_an_imbalance_names_its_unit_only() -> None:
    short: list[Posting] = [{"account": "a", "unit": PULSA, "amount": 1}]
    assert imbalance([*short, *transfer(IDR, "a", "b", 7)]) == {PULSA: 1}
    assert imbalance([]) == {}


@given(DECIMALS)
def test_an_amount_of_any_currency_comes_to_hundredths_as_decimals_do(text: str) -> None:
    assert hundredths(text) == int((Decimal(text) * 100).to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize("text", ["", "NaN", "1e9", "1.0000001", " 1", "1,5", "+1", "9" * 41])
def test_what_is_no_amount_has_no_hundredths(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        hundredths(text)
