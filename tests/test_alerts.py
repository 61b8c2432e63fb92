"""Each alert has a page, and asks for figures that there are; what is logged names nobody."""

from __future__ import annotations

import re
import secrets
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ledger.application.outcomes import Outcome
from ledger.domain.calendar import DAY, HOUR, SECOND
from ledger.domain.customer.forgetting import DEBT, LEGAL_HOLD, RETENTION
from ledger.domain.line.erasing import DISPUTED, LIVE
from ledger.domain.postpaid.settling import what_holds_the_holder
from ledger.domain.prepaid.commands import TopUp
from ledger.entrypoints.clock import tick
from ledger.entrypoints.health import Health
from ledger.errors import DatabaseUnreachable
from ledger.store.reading import SqliteReader
from ledger.vault.master_keys import new_master_key
from ledger.vault.month_keys import MonthKeys
from ledger.vault.vault_backup import back_up
from ledger.wiring import metrics, read_side
from ledger.wiring.metrics import MirrorMetrics, ProjectionMetrics, RegistryMetrics, WriterMetrics
from ledger.wiring.metrics_of_persons import PersonMetrics, Watched
from ledger.wiring.observing import PERSONAL, without_persons
from ledger.wiring.persons import vault
from ledger.wiring.settings import Settings
from projections.engine.lag import status
from tests.alerting import fires, read
from tests.given import START, Story, at, rupiah
from tests.kafka.seen import embedded, population
from tests.projections.histories import a_log, commands, play
from tests.projections.persons_history import BEGIN, log_of_persons
from tests.projections.projected import database, projected

_FOLDER = Path(__file__).resolve().parents[1] / "docs" / "runbook" / "alerts"
_RULE = re.compile(r"- alert: (\w+)\n +expr: (.+)\n(?: +for: \w+\n)? +annotations: \{runbook: (\S+)\}\n")
_RULES = _RULE.findall((_FOLDER / "rules.yaml").read_text("utf-8"))


def test_every_rule_is_understood() -> None:
    assert len(_RULES) == (_FOLDER / "rules.yaml").read_text("utf-8").count("- alert:") >= 13
    assert {page for _, _, page in _RULES} == {path.name for path in _FOLDER.glob("*.md")}


@pytest.mark.parametrize(("alert", "_expr", "name"), _RULES, ids=[rule[0] for rule in _RULES])
def test_an_alert_has_its_page(alert: str, _expr: str, name: str) -> None:
    page = (_FOLDER / name).read_text("utf-8")
    assert page.startswith(f"# {alert}\n")
    for heading in ("What it means", "What follows", "What to do"):
        assert f"**{heading}.**" in page
    assert f"[{alert}](alerts/{name})" in (_FOLDER.parent / "README.md").read_text("utf-8")


def test_alerts_ask_for_figures_that_there_are(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    figures = WriterMetrics(registry)
    figures.taken_over(0, 0.5)
    figures.served(0, [Outcome("a", "accepted", None, None, (), 0, 1, 0)], [], 0.01)
    figures.given_up(0, "commit-uncertain")
    figures.fenced(0)
    figures.behind(0, 3)
    registry.register(MirrorMetrics(lambda: {0: tmp_path / "none.db"}, lambda: 0))
    Health().count_in(registry)
    RegistryMetrics(registry, lambda: None).look()
    log = a_log(tmp_path / "log.db")
    with database(tmp_path / "views.db") as opened:
        projected(opened, log)
        with ProjectionMetrics(registry).asking(lambda: status(opened, [SqliteReader(log)])):
            watch(registry, Watched((), (), (), 0))
            exposed = generate_latest(registry).decode()
    named = set(re.findall(r"ledger_[a-z_]+", " ".join(expr for _, expr, _ in _RULES)))
    there = set(re.findall(r"^(?:# TYPE )?(ledger_[a-z_]+)", exposed, re.MULTILINE))
    assert named
    assert named <= there


def watch(registry: CollectorRegistry, found: Watched) -> PersonMetrics:
    """Figures of persons, looked at once."""
    figures = PersonMetrics()
    figures.look(lambda: found)
    registry.register(figures)
    return figures


def test_limits_erasures_accounts_of_nobody_and_a_vault_without_backup_raise_their_alerts(
    tmp_path: Path,
) -> None:
    log = log_of_persons(tmp_path)
    settings = Settings(log=log, vault=f"sqlite:///{tmp_path / 'vault.db'}", vault_key=tmp_path / "key")
    registry, figures = CollectorRegistry(), PersonMetrics()
    registry.register(figures)

    def looked_at(now: int) -> str:
        figures.look(lambda: read_side.persons_watched(settings, opened, now))
        return generate_latest(registry).decode()

    with database(tmp_path / "views.db") as opened:
        assert looked_at(BEGIN + DAY).count("\nledger_") == 0, "nothing is projected: nothing is told"
        projected(opened, log)
        assert fires("AccountOfNobody", "", looked_at(BEGIN + DAY - 1)) == set()
        calm = looked_at(BEGIN + 72 * HOUR - 1)
        assert fires("LimitBreached", "", calm) == set()
        assert "ledger_vault_backup_seconds 0.0" not in calm, "there is no vault"
        late = looked_at(BEGIN + 80 * HOUR)
        assert fires("LimitBreached", "", late) == {("access",), ("notice",)}
        assert fires("ErasureBlocked", "", late) == {("legal-hold",)}
        assert fires("AccountOfNobody", "", late) == {("unknown",)}

        new_master_key(bytes(32), tmp_path / "key")
        keys, now = MonthKeys(tmp_path / "keys", 35), BEGIN + 80 * HOUR
        with vault(settings) as kept:
            kept.write("C", "c-1", {"name": "Budi"}, BEGIN)
            assert too_old(looked_at(now), now), "never backed up"
            back_up(kept, keys, tmp_path / "vault.bak", now, secrets.token_bytes)
            assert not too_old(looked_at(now), now)
            assert too_old(looked_at(now), now + 3 * DAY)


def too_old(exposed: str, now: int) -> bool:
    """Whether the alert on old backups would fire: the instant less the figure is beyond what the rule says."""
    expression = next(expr for alert, expr, _ in _RULES if alert == "VaultBackupOld")
    [bound] = re.findall(r"^time\(\) - max\(ledger_vault_backup_seconds\) > (\d+)$", expression)
    value = read(exposed)["ledger_vault_backup_seconds", frozenset()]
    return now / SECOND - value > int(bound)


def test_the_page_on_blocked_erasures_says_what_each_reason_goes_with() -> None:
    everything: Any = SimpleNamespace(
        unbilled=1, billed=1, pending=1, advance=1, deposit=1, legal_hold=True, closed_at=1, is_settled=False
    )
    reasons = {LIVE, DISPUTED, DEBT, LEGAL_HOLD, RETENTION, *what_holds_the_holder(everything)}
    page = (_FOLDER / "ErasureBlocked.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == reasons


def test_credit_in_transit_is_counted_by_age(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    embedded(path, population(60, 3))
    figures = MirrorMetrics(lambda: {0: path}, lambda: 40 * 366 * DAY)
    before = {family.name: family for family in figures.collect()}
    assert not before["ledger_transit_transfers"].samples  # not zero: nothing was read yet
    assert figures.advance()
    families = {family.name: family for family in figures.collect()}
    assert [sample.value for sample in families["ledger_transit_transfers"].samples] == [0, 0, 0, 0]
    assert families["ledger_mirror_position"].samples[0].value > 1000


def test_what_is_recorded_behind_the_last_closing_shows_until_the_clock_has_gone_by(story: Story) -> None:
    """What the alert `ClockStopped` compares: an idle log is not taken for one whose clock has stopped."""
    registry = CollectorRegistry()
    figures = MirrorMetrics(lambda: {0: story.path}, lambda: 0)
    registry.register(figures)

    def is_owed() -> bool:
        assert figures.advance()
        labels = {"partition": "0"}
        last = registry.get_sample_value("ledger_recorded_last_seconds", labels)
        closed = registry.get_sample_value("ledger_closed_through_seconds", labels)
        assert last is not None
        assert closed is not None
        return last > closed

    begun = at(START)
    story.given_active(since=begun)
    tick([story.ledger], begun + 6 * SECOND, asked=False)
    assert not is_owed()
    tick([story.ledger], begun + DAY, asked=False)
    assert not is_owed()
    story.given(TopUp, begun + 2 * DAY, credit=rupiah(5000))
    assert is_owed()
    tick([story.ledger], begun + 2 * DAY + SECOND, asked=False)
    assert is_owed(), "closed, but not beyond it"
    tick([story.ledger], begun + 2 * DAY + 5 * SECOND, asked=False)
    assert not is_owed()


def test_asking_for_figures_reads_nothing_and_what_reads_goes_in_bounded_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "AT_ONCE", 100)
    path = tmp_path / "log.db"
    embedded(path, population(30, 2))
    registry = CollectorRegistry()
    figures = MirrorMetrics(lambda: {0: path}, lambda: 40 * 366 * DAY)
    registry.register(figures)

    def transfers() -> float | None:
        return registry.get_sample_value("ledger_transit_transfers", {"age": "older"})

    steps = 1
    while not figures.advance():
        steps += 1
        assert transfers() is None
    head = registry.get_sample_value("ledger_mirror_position", {"partition": "0"})
    assert head is not None
    assert steps == -(-int(head) // 100)
    path.rename(tmp_path / "elsewhere.db")
    assert transfers() == 0
    assert registry.get_sample_value("ledger_mirror_position", {"partition": "0"}) == head
    assert not figures.advance()


def test_projections_tell_where_they_are_what_they_lack_and_what_failed(tmp_path: Path) -> None:
    registry, log = CollectorRegistry(), tmp_path / "log.db"
    happened = commands([(0, 0, "issue", 0, 2), (0, 0, "activate", 0, 0), (90 * SECOND, 0, "charge", 0, 0)])
    play(log, happened[:2])
    with database(tmp_path / "views.db") as opened, ExitStack() as stack:
        projected(opened, log)
        play(log, happened[2:])
        figures = ProjectionMetrics(registry)
        stack.enter_context(figures.asking(lambda: status(opened, [SqliteReader(log)])))
        of_balances = {"projection": "balances", "partition": "0"}
        position = registry.get_sample_value("ledger_projection_position", of_balances)
        assert position is not None
        assert registry.get_sample_value("ledger_projection_lag_events", of_balances) == 1
        assert registry.get_sample_value("ledger_projection_lag_seconds", of_balances) == 90
        failures = ("ledger_projection_errors_total", {"code": "database-unreachable"})
        assert registry.get_sample_value(*failures) == 0
        figures.failed(DatabaseUnreachable("gone"))
        assert registry.get_sample_value(*failures) == 1
        projected(opened, log)
        assert registry.get_sample_value("ledger_projection_position", of_balances) == position + 1
        log.rename(tmp_path / "elsewhere.db")
        assert registry.get_sample_value("ledger_projection_position", of_balances) is None


@pytest.mark.parametrize("field", sorted(PERSONAL))
def test_no_line_of_the_log_names_a_person(field: str) -> None:
    assert without_persons(None, "info", {"event": "command", field: "somebody"}) == {"event": "command"}
