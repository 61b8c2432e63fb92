"""Figures as people in Indonesia write them: amounts, counts, fractions. Whatever people read is written here alone.

Programs are told decimal strings (`ledger.domain.money.format_amount`) and plain numbers.
"""

from __future__ import annotations

_SEN = 100
UNITS = {"PULSA": "credit", "IDR": "rupiah"}
"""What the units are called."""


def rupiah(sen: int) -> str:
    """An amount of rupiah or credit: `Rp 10.000`, `Rp 1.272,60`, `-Rp 500`."""
    whole, cents = divmod(abs(sen), _SEN)
    rest = f",{cents:02d}" if cents else ""
    return f"{'-' if sen < 0 else ''}Rp {grouped(whole)}{rest}"


def price(text: str) -> str:
    """An amount, or a price that may have fractions of sen, of its decimal string: `Rp 18,18`, `Rp 0,0125`."""
    whole, _, rest = text.partition(".")
    return f"Rp {decimal(f'{whole}.{rest:0<2}' if rest else whole)}"


def signed(sen: int) -> str:
    """A change of an amount: `+Rp 10.000`, `-Rp 500`."""
    return rupiah(sen) if sen < 0 else f"+{rupiah(sen)}"


def of_unit(sen: int, unit: str) -> str:
    """An amount with what it is of, where that is not rupiah: `Rp 10.000 of credit`, `1,26 USD`, `61 QUANTITY`."""
    if unit not in UNITS:
        return f"{rupiah(sen).replace('Rp ', '')} {unit}"
    return rupiah(sen) if unit == "IDR" else f"{rupiah(sen)} of {UNITS[unit]}"


def grouped(count: int) -> str:
    """A whole number, by thousands: `170.000`."""
    return f"{count:,}".replace(",", ".")


def fraction(value: float, digits: int = 1) -> str:
    """A number that is not whole: `1.234,5`."""
    return decimal(f"{value:.{digits}f}")


def decimal(text: str) -> str:
    """A number that programs are told: `1.234,5` of `1234.5`, `-0,05` of `-0.05`."""
    whole, _, rest = text.removeprefix("-").partition(".")
    sign = "-" if text.startswith("-") else ""
    return f"{sign}{grouped(int(whole))},{rest}" if rest else f"{sign}{grouped(int(whole))}"
