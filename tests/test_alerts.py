"""Each alert has a page, and asks for figures that there are; what is logged names nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from ledger.domain.calendar import DAY
from ledger.metrics import MirrorMetrics, WriterMetrics
from ledger.observing import PERSONAL, without_persons
from ledger.outcomes import Outcome
from tests.given import ledger_on
from tests.kafka.seen import population

_FOLDER = Path(__file__).resolve().parents[1] / "docs" / "runbook" / "alerts"
_RULES = yaml.safe_load((_FOLDER / "rules.yaml").read_text("utf-8"))["groups"][0]["rules"]


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_its_page(rule: dict[str, dict[str, str]]) -> None:
    page = (_FOLDER / rule["annotations"]["runbook"]).read_text("utf-8")
    assert page.startswith(f"# {rule['alert']}\n")
    for heading in ("What it means", "What follows", "What to do"):
        assert f"**{heading}.**" in page
    assert f"[{rule['alert']}](alerts/{rule['alert']}.md)" in (_FOLDER.parent / "README.md").read_text(
        "utf-8"
    )


def test_alerts_ask_for_figures_that_there_are(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    figures = WriterMetrics(registry)
    figures.taken_over(0, 0.5)
    figures.served(0, [Outcome("a", "accepted", None, None, (), 0, 1, 0)], [], 0.01)
    figures.given_up(0, "commit-uncertain")
    figures.fenced(0)
    figures.behind(0, 3)
    registry.register(MirrorMetrics({0: tmp_path / "none.db"}, lambda: 0))
    named = set(re.findall(r"ledger_[a-z_]+", " ".join(rule["expr"] for rule in _RULES)))
    there = set(
        re.findall(r"^(?:# TYPE )?(ledger_[a-z_]+)", generate_latest(registry).decode(), re.MULTILINE)
    )
    assert named
    assert named <= there


def test_credit_in_transit_is_counted_by_age(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with ledger_on(path) as ledger:
        ledger.execute(population(60, 3))
    metrics = MirrorMetrics({0: path}, lambda: 40 * 366 * DAY)
    families = {family.name: family for family in metrics.collect()}
    assert [sample.value for sample in families["ledger_transit_transfers"].samples] == [0, 0, 0, 0]
    assert families["ledger_mirror_position"].samples[0].value > 1000


@pytest.mark.parametrize("field", sorted(PERSONAL))
def test_no_line_of_the_log_names_a_person(field: str) -> None:
    assert without_persons(None, "info", {"event": "command", field: "somebody"}) == {"event": "command"}
