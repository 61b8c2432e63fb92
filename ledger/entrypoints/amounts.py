"""Amounts as people in Indonesia write them."""

from __future__ import annotations

from ledger.domain.money import SEN


def rupiah(sen: int) -> str:
    """An amount of rupiah or credit: `Rp 10.000`, `Rp 1.272,60`, `-Rp 500`."""
    whole, cents = divmod(abs(sen), SEN)
    sign = "-" if sen < 0 else ""
    fraction = f",{cents:02d}" if cents else ""
    return f"{sign}Rp {whole:,}".replace(",", ".") + fraction
