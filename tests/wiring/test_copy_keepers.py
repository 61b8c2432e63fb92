"""Who keeps copies of a person is told once: the page on personal data says what the registry does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from ledger.wiring.copy_keepers import KEEPERS, THE_VAULT, Way
from tests.entrypoints.pulsa import Pulsa

PAGE = (Path(__file__).parents[2] / "docs" / "personal-data.md").read_text("utf-8")


def _rows() -> list[tuple[str, str]]:
    """Of each row of the first table, who keeps copies (without what stands in brackets), and what is reached."""
    table = PAGE.partition("| where |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").replace("`", "").split(" | ")] for row in table]
    assert {len(row) for row in cells} == {6}
    return [(row[0].partition(" (")[0], row[-1]) for row in cells]


def test_every_keeper_has_its_row_and_every_row_its_keeper() -> None:
    assert _rows() == [(one.name, one.reached) for one in KEEPERS]
    assert len({one.name for one in KEEPERS}) == len(KEEPERS)


def test_who_is_told_has_a_handler_and_says_what_is_left_and_the_vault_is_told_last() -> None:
    for one in KEEPERS:
        assert (one.erase is not None, one.left is not None) == (one.way == "told",) * 2, one.name
    assert KEEPERS[-1] is THE_VAULT


def test_the_page_says_what_every_way_means() -> None:
    assert set(re.findall(r"`(\w+)`:\s", PAGE)) == set(get_args(Way))


def test_the_officer_is_told_of_them(tmp_path: Path) -> None:
    pulsa = Pulsa(tmp_path, COLUMNS="1000")
    told = pulsa.json("vault", "keepers")
    assert told == [{"keeper": one.name, "way": one.way, "reached": one.reached} for one in KEEPERS]
    assert f"the vault (told): {THE_VAULT.reached}" in " ".join(pulsa.done("vault", "keepers").split())
