"""`pulsa doctor` finds what is wrong where it is made to happen, says which page helps, and never hangs."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from ledger.domain.calendar import DAY, SECOND
from ledger.entrypoints.cli.options import wall_clock
from ledger.entrypoints.clock import tick
from ledger.entrypoints.examination import Examined, examine
from ledger.entrypoints.forms import CommandReader
from ledger.errors import SettingsInvalid
from ledger.local.kafka import LocalKafka
from ledger.local.process import free_port
from ledger.local.schema_registry import LocalRegistry
from ledger.wiring import checks, read_side
from ledger.wiring.checks import CHECKS, Check
from ledger.wiring.composition import create, known_terms, opened
from ledger.wiring.kafka_access import kafka_settings
from ledger.wiring.on_kafka import owned
from ledger.wiring.settings import Settings
from tests.entrypoints.pulsa import Pulsa, activate, issue, top_up
from tests.servers import KafkaServers, kafka_servers, run_directory  # noqa: F401
from tests.terms.test_terms_files import MINIMAL
from tests.waiting import PATIENCE

LIVE = CommandReader(played=False, now=wall_clock)
ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600 * SECOND


def examined(settings: Settings, ahead: int = 0, only: str | None = None) -> dict[str, Examined]:
    """What came of each check, by a clock so far ahead; whatever is wrong names a page that is there."""
    patient = [check._replace(seconds=PATIENCE) for check in CHECKS]
    wanted = [check for check in patient if only is None or check.name == only]
    if only is not None:
        wanted = [check._replace(needs=("settings",)) for check in wanted]
    found = {
        finding.check: finding for finding in examine(lambda: settings, lambda: wall_clock() + ahead, wanted)
    }
    for finding in found.values():
        assert (finding.verdict == "wrong") == (finding.code is not None), finding
        assert finding.page is None or (ROOT / finding.page).is_file()
    return found


def verdicts(found: dict[str, Examined]) -> dict[str, str]:
    return {name: finding.verdict for name, finding in found.items()}


@pytest.fixture
def settings(pulsa: Pulsa) -> Settings:
    """Of a played log that holds an account."""
    pulsa.done("ingest", pulsa.file("opening.jsonl", issue(), activate()))
    return Settings(log=pulsa.log, clock="played")


def test_where_nothing_is_wrong_every_check_says_so(settings: Settings) -> None:
    assert verdicts(examined(settings)) == {
        "settings": "well",
        "log": "well",
        "broker": "not used",
        "registry": "not used",
        "projections": "well",
        "terms": "well",
        "clock": "well",
    }


def test_without_valid_settings_nothing_else_is_looked_at() -> None:
    def read() -> Settings:
        raise SettingsInvalid("PULSA_TIMEOUT: not a number")

    found = list(examine(read, wall_clock))
    assert (found[0].verdict, found[0].code) == ("wrong", "settings-invalid")
    assert found[0].page == "docs/runbook/settings-invalid.md"
    assert {finding.verdict for finding in found[1:]} == {"unknown"}
    kafka_alone = examined(Settings(kafka="localhost:9092"))
    assert kafka_alone["settings"].message.startswith("PULSA_REGISTRY: is not set")


def test_a_log_that_is_not_there_is_named_and_what_needs_it_is_not_looked_at(tmp_path: Path) -> None:
    found = examined(Settings(log=tmp_path / "none.db"))
    assert (found["log"].code, found["log"].page) == ("log-missing", "docs/runbook/log-missing.md")
    assert verdicts(found)["projections"] == verdicts(found)["clock"] == "unknown"
    assert found["clock"].message == "not made: it needs log, and that is not well"
    assert found["terms"].verdict == "well"


def test_a_log_that_was_changed_is_found_by_reading_it(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.log)) as connection, connection:
        connection.execute("UPDATE journal SET at=at+1 WHERE entry=1")
    found = examined(settings)["log"]
    assert (found.verdict, found.code) == ("wrong", "log-damaged")


def test_a_log_whose_bytes_are_damaged_is_found(settings: Settings) -> None:
    with settings.log.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 4)
    assert examined(settings)["log"].code == "log-damaged"


def test_a_log_that_takes_longer_to_read_than_there_is_time_says_how_far_it_was_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_READING", -1.0)
    found = examined(settings)["log"]
    assert found.verdict == "well"
    assert "0 events, clean, read so far in the time there is; `pulsa log verify` reads all" in found.message


def test_a_disk_that_is_almost_full_is_said_before_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LEAST_ROOM", shutil.disk_usage(settings.log.parent).total + 1)
    assert examined(settings)["log"].code == "log-full"


class TestProjections:
    @pytest.fixture
    def settings(self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
        """With projections in a database of their own, up with the log."""
        monkeypatch.setattr(checks, "_CATCHING_UP", 0.2)
        kept = Settings(log=settings.log, clock="played", database=f"sqlite:///{tmp_path / 'views.db'}")
        assert examined(kept)["projections"].code == "projection-behind"
        with read_side.runner(kept) as (runner, _):
            runner.catch_up()
        assert examined(kept)["projections"].verdict == "well"
        return kept

    def test_those_that_nobody_keeps_up_are_behind(self, settings: Settings, pulsa: Pulsa) -> None:
        pulsa.done("ingest", pulsa.file("more.jsonl", top_up()))
        found = examined(settings)["projections"]
        assert (found.code, found.page) == ("projection-behind", "docs/runbook/alerts/ProjectionBehind.md")
        assert "1 events behind the log" in found.message

    def test_a_table_that_is_gone_is_named(self, settings: Settings, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "views.db")) as connection, connection:
            connection.execute("DROP TABLE balances_days_1")
        found = examined(settings)["projections"]
        assert (found.verdict, found.code) == ("wrong", "database-damaged")

    def test_a_file_that_is_damaged_is_found(self, settings: Settings, tmp_path: Path) -> None:
        with (tmp_path / "views.db").open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096 * 8)
        assert examined(settings)["projections"].code in ("database-unreachable", "database-damaged")

    def test_those_of_another_log_are_found(self, settings: Settings, tmp_path: Path, pulsa: Pulsa) -> None:
        other = {"PULSA_LOG": str(tmp_path / "other.db")}
        story = pulsa.file("other.jsonl", issue(), activate(customer="customer-2"), top_up())
        pulsa.done("ingest", story, **other)
        elsewhere = Settings(log=tmp_path / "other.db", clock="played", database=settings.database)
        assert examined(elsewhere)["projections"].code == "log-mismatch"


def test_terms_that_are_not_valid_or_say_otherwise_than_the_log_are_found(
    settings: Settings, pulsa: Pulsa, tmp_path: Path
) -> None:
    folder = tmp_path / "terms"
    folder.mkdir()
    file = folder / "some.toml"
    with_terms = Settings(log=settings.log, clock="played", terms=folder)
    file.write_text(MINIMAL.replace("Asia/Jakarta", "Asia/Atlantis"), encoding="utf-8")
    assert examined(with_terms)["terms"].code == "terms-invalid"
    file.write_text(MINIMAL, encoding="utf-8")
    story = pulsa.file("some.jsonl", issue("6288100000001", terms="some-terms"))
    pulsa.done("ingest", story, PULSA_TERMS=str(folder))
    assert examined(with_terms)["terms"].verdict == "well"
    file.write_text(f"{MINIMAL}late_usage_days = 31\n", encoding="utf-8")
    found = examined(with_terms)["terms"]
    assert (found.code, found.page) == ("terms-changed", "docs/runbook/terms-changed.md")


def test_a_clock_that_is_behind_the_log_and_a_log_that_is_not_closed_any_more_are_found(pulsa: Pulsa) -> None:
    live = Settings(log=pulsa.log, clock="live")
    dated_by_the_log = {name: value for name, value in issue().items() if name != "at"}
    pulsa.done("ingest", pulsa.file("live.jsonl", dated_by_the_log), PULSA_CLOCK="live")
    assert examined(live)["clock"].verdict == "well"
    behind = examined(live, -HOUR)["clock"]
    assert (behind.code, behind.page) == ("clock-behind", "docs/runbook/clock-refused.md")
    with opened(live) as log:
        tick([log.writer()], wall_clock(), asked=True)
    assert "answers are final through" in examined(live)["clock"].message
    stopped = examined(live, 2 * DAY)["clock"]
    assert (stopped.code, stopped.page) == ("clock-stopped", "docs/runbook/alerts/ClockStopped.md")


def test_a_check_that_does_not_end_or_fails_is_one_that_could_not_be_made(settings: Settings) -> None:
    never = Event()

    def hangs(_settings: Settings, _now: object) -> str:
        never.wait()
        return ""

    def fails(_settings: Settings, _now: object) -> str:
        raise ZeroDivisionError

    hanging, failing = Check("hanging", hangs, seconds=0.05), Check("failing", fails)
    found = list(
        examine(lambda: settings, wall_clock, [hanging, failing, Check("next", lambda _, __: "fine")])
    )
    never.set()
    assert [(one.check, one.verdict) for one in found[1:]] == [
        ("hanging", "unknown"),
        ("failing", "unknown"),
        ("next", "well"),
    ]
    assert found[1].message == "not made: it did not end within 0.05 s"


def test_a_broker_that_takes_connections_and_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = Settings(
            log=tmp_path / "log.db", kafka=f"127.0.0.1:{port}", registry=f"http://127.0.0.1:{port}"
        )
        bounded = [check._replace(seconds=0.3, needs=("settings",)) for check in CHECKS]
        found = {one.check: one for one in examine(lambda: settings, wall_clock, bounded)}
    for name in ("broker", "registry", "log", "clock"):
        assert found[name].verdict == "unknown", found[name]
        assert "did not end within 0.3 s" in found[name].message


def test_a_broker_a_registry_and_a_clock_that_are_wrong_are_told_apart(
    kafka_servers: KafkaServers,  # noqa: F811
    tmp_path: Path,
) -> None:
    def on(broker: str, registry: str) -> Settings:
        return Settings(
            log=tmp_path / "log.db",
            kafka=broker,
            registry=registry,
            kafka_prefix="doctor.",
            kafka_partitions=1,
            mirrors=tmp_path / "mirrors",
        )

    with LocalKafka() as broker:
        whole = on(broker.bootstrap_servers, kafka_servers.registry_url)
        assert examined(whole)["broker"].code == "log-missing"
        create(whole)
        log = kafka_settings(whole, tmp_path / "writer")
        with closing(owned(log, known_terms(whole), 0)) as ledger:
            pack = json.dumps({name: value for name, value in issue().items() if name != "at"})
            (issued,) = ledger.execute([LIVE.from_json(pack.encode())])
        assert issued.status == "accepted"
        found = examined(whole)
        assert "created live" in found["log"].message
        assert {
            found[name].verdict for name in ("settings", "log", "broker", "registry", "terms", "clock")
        } == {"well"}
        assert examined(whole, HOUR, "clock")["clock"].code == "clock-ahead"
        assert examined(whole, -HOUR, "clock")["clock"].code == "clock-behind"
        secret = on(broker.bootstrap_servers, kafka_servers.registry_url.replace("://", "://user:secret@"))
        assert "secret" not in str(examined(secret))
        gone = on(broker.bootstrap_servers, f"http://127.0.0.1:{free_port()}")
        without = examined(gone)
        assert (without["registry"].code, without["broker"].verdict) == ("registry-unreachable", "well")
        assert without["log"].message == "not made: it needs registry, and that is not well"
        with LocalRegistry() as emptied:
            others = examined(on(broker.bootstrap_servers, emptied.url))
        assert (others["registry"].verdict, others["log"].code) == ("well", "registry-mismatch")
    ended = examined(whole)
    stopped = ended["broker"]
    assert {ended[name].verdict for name in ("log", "projections", "clock")} == {"unknown"}
    assert (stopped.code, stopped.page) == ("log-unreachable", "docs/runbook/log-unreachable.md")
