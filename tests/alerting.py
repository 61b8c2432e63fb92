"""Whether an alert of the runbook would fire on figures: for the shapes of expressions that tests ask for."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

RULES = Path(__file__).resolve().parents[1] / "docs" / "runbook" / "alerts" / "rules.yaml"
_RULE = re.compile(r"- alert: (\w+)\n +expr: (.+)\n")
_SHAPE = re.compile(
    r"(?P<how>max|sum) by \((?P<by>[\w, ]+)\) "
    r"\((?P<increase>increase\()?(?P<name>\w+)(?:\{(?P<where>[^}]*)\})?(?:\[15m\]\))?\) > (?P<bound>\d+)"
)
_LABEL = re.compile(r'(\w+)(=~|=)"([^"]*)"')

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(exposed: str) -> Samples:
    """The samples of what /metrics answered."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
    }


def fires(alert: str, before: str, after: str) -> set[tuple[str, ...]]:
    """The labels for which an alert would fire, between two answers of /metrics that lie in its window.

    What was not there before does not count as an increase, as Prometheus has it.
    """
    expression = dict(_RULE.findall(RULES.read_text("utf-8")))[alert]
    shape = _SHAPE.fullmatch(expression)
    assert shape, f"{alert} has an expression of another shape"
    earlier, later = read(before), read(after)
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for (name, found), value in later.items():
        labels = dict(found)
        if name != shape["name"] or not all(
            re.fullmatch(wanted, labels.get(label, "")) if how == "=~" else labels.get(label) == wanted
            for label, how, wanted in _LABEL.findall(shape["where"] or "")
        ):
            continue
        group = tuple(labels[label] for label in shape["by"].replace(" ", "").split(","))
        groups[group].append(value - earlier.get((name, found), value) if shape["increase"] else value)
    fold = max if shape["how"] == "max" else sum
    return {group for group, values in groups.items() if fold(values) > int(shape["bound"])}
