"""A snapshot is of use to the code that made it alone: every rule is part of its name."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

import ledger.domain
from ledger.store.layout import fold_digest, rules_digest

_DOMAIN = Path(ledger.domain.__file__).parent


@pytest.mark.parametrize("module", ["calendar.py", "prepaid/account.py"])
def test_a_change_of_any_rule_changes_it(module: str, tmp_path: Path) -> None:
    rules = copytree(_DOMAIN, tmp_path / "domain", ignore=ignore_patterns("__pycache__"))
    assert rules_digest(rules) == fold_digest()
    (rules / module).write_text((rules / module).read_text("utf-8") + "# changed", "utf-8")
    assert rules_digest(rules) != fold_digest()
