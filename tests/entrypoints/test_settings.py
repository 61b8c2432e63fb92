"""Settings: options before the environment before defaults; each with its source, secrets hidden."""

from __future__ import annotations

import pytest

from ledger.wiring import settings
from ledger.wiring.settings import FROM_FILES, Secret, Settings, hidden
from tests.entrypoints.pulsa import NUMBER, START, Pulsa

ALONE = dict.fromkeys(("PULSA_LOG", "PULSA_CLOCK"))


def test_each_setting_says_where_it_came_from(pulsa: Pulsa) -> None:
    bare = Pulsa(pulsa.folder, **ALONE)
    (shown,) = bare.json("settings", "--clock", "played", PULSA_LOG="ledger.db", PULSA_NOW=START)
    assert (
        shown.items()
        >= {
            "log": {"value": "ledger.db", "source": "environment PULSA_LOG"},
            "clock": {"value": "played", "source": "option --clock"},
            "kafka": {"value": None, "source": "default"},
            "registry": {"value": None, "source": "default"},
            "database": {"value": "sqlite:///ledger.db.views.db", "source": "default"},
            "terms": {"value": None, "source": "default"},
            "now": {"value": "2023-07-03T03:00:00Z", "source": "environment PULSA_NOW"},
        }.items()
    )
    assert "environment PULSA_LOG" in bare.done("settings", PULSA_LOG="ledger.db")
    (defaults,) = bare.json("settings", PULSA_LOG="")
    assert defaults["log"] == {"value": "pulsa.db", "source": "default"}


def test_an_option_wins_behind_the_verb_and_before_it(pulsa: Pulsa) -> None:
    def log(*arguments: str) -> str:
        value = pulsa.json(*arguments)[0]["log"]["value"]
        assert isinstance(value, str)
        return value

    assert log("settings", "--log", "a.db") == "a.db"
    assert log("--log", "b.db", "settings") == "b.db"
    assert log("--log", "b.db", "settings", "--log", "a.db") == "a.db"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://pulsa:s3cret@db/ledger", "postgresql+psycopg://pulsa:***@db/ledger"),
        ("https://user:p@ss/w:rd@registry:8081", "https://user:***@registry:8081"),
        (
            "postgresql://db/ledger?user=u&password=s3cret&x=1",
            "postgresql://db/ledger?user=u&password=***&x=1",
        ),
        ("postgresql://db/ledger", "postgresql://db/ledger"),
        ("sqlite:///ledger.db", "sqlite:///ledger.db"),
    ],
)
def test_secrets_are_hidden(pulsa: Pulsa, text: str, shown: str) -> None:
    assert hidden(text) == shown
    assert pulsa.json("settings", PULSA_DATABASE=text)[0]["database"]["value"] == shown
    assert "s3cret" not in pulsa.done("settings", PULSA_DATABASE=text, PULSA_REGISTRY=text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PULSA_CLOCK", "fast"), ("PULSA_NOW", "noon"), ("PULSA_NOW", "2023-07-03T10:00:00")],
)
def test_a_bad_value_is_one_line_that_names_its_source(pulsa: Pulsa, variable: str, value: str) -> None:
    complaint = pulsa.complaint("report", "states", **{variable: value})
    assert complaint.startswith(f"settings-invalid: {variable}: ")
    assert complaint.endswith(f"(it is '{value}')")
    option = f"--{variable.removeprefix('PULSA_').lower()}"
    assert pulsa.complaint("report", "states", option, value).startswith(f"settings-invalid: {option}: ")


def test_what_kafka_lacks_and_what_it_cannot_do_is_one_line(pulsa: Pulsa) -> None:
    for verb in (
        (
            "report",
            "states",
        ),
        ("number", "advance", NUMBER),
        ("log", "restore", "x"),
    ):
        assert pulsa.complaint(*verb, PULSA_KAFKA="localhost:9092").startswith("settings-invalid: PULSA_")


def test_settings_are_frozen() -> None:
    found = settings.read({"log": "a.db"})
    assert isinstance(found, Settings)
    with pytest.raises(AttributeError):
        found.clock = "live"


def test_a_log_keeps_the_clock_that_it_was_created_with(pulsa: Pulsa) -> None:
    pulsa.active()
    complaint = pulsa.complaint("number", "advance", NUMBER, "--now", START, PULSA_CLOCK="live")
    assert complaint.startswith("clock-mismatch: ")
    pulsa.done("number", "advance", NUMBER, "--now", START, PULSA_CLOCK=None)


def test_a_folder_of_terms_is_known_beside_those_that_come_with_it(pulsa: Pulsa) -> None:
    folder = pulsa.folder / "terms"
    folder.mkdir()
    known = [terms["terms"] for terms in pulsa.json("terms", "list")]
    assert "smartfren-prepaid-2023" in known
    assert pulsa.json("terms", "list", PULSA_TERMS=str(folder)) == pulsa.json("terms", "list")
    (folder / "bad.toml").write_text('id = "bad"\n')
    complaint = pulsa.complaint("terms", "list", "--terms-folder", str(folder))
    assert complaint.startswith(f"terms-invalid: {folder / 'bad.toml'}: ")
    assert pulsa.complaint("terms", "list", PULSA_TERMS="missing").startswith("terms-invalid: missing: ")


def test_terms_are_shown_and_checked(pulsa: Pulsa) -> None:
    (shown,) = pulsa.json("terms", "show", "telkomsel-prepaid")
    assert shown["id"] == "telkomsel-prepaid"
    said = pulsa.done("terms", "show", "smartfren-prepaid-2023")
    assert "  grace.days: 30 (SP23-18)\n" in said
    assert "\nSP23-18: Grace lasts 30 days; a top-up within it restores service and keeps credit\n" in said
    assert pulsa.complaint("terms", "show", "gratis").startswith("terms-missing: ")
    assert "smartfren-prepaid-2025" in pulsa.done("terms", "list")
    bad = pulsa.folder / "bad.toml"
    bad.write_text('id = "bad"\n')
    checked = pulsa("terms", "check", str(bad))
    assert checked.exit_code == 1
    assert len(checked.stderr.splitlines()) > 1
    assert all(line.startswith(f"pulsa: terms-invalid: {bad}: ") for line in checked.stderr.splitlines())


def secret_of(name: str, found: Settings) -> str:
    value = getattr(found, name)
    return str(value.revealed() if isinstance(value, Secret) else value)


@pytest.mark.parametrize("name", FROM_FILES)
def test_secrets_may_be_in_files(pulsa: Pulsa, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable = f"PULSA_{name.upper()}"
    file = pulsa.folder / "secret"
    secret = "https://me:s3cret@there" if name in ("database", "vault", "registry") else "s3cret"
    file.write_text(f"{secret}\n")
    shown = pulsa.json("settings", **{f"{variable}_FILE": str(file)})[0][name]
    assert shown["source"] == f"file {file} ({variable}_FILE)"
    assert name.endswith("user") or "s3cret" not in shown["value"]
    monkeypatch.setenv(f"{variable}_FILE", str(file))
    assert secret_of(name, settings.read()) == secret
    assert secret_of(name, settings.read({name: "stated"})) == "stated"
    monkeypatch.delenv(f"{variable}_FILE")
    both = {variable: "other", f"{variable}_FILE": str(file)}
    assert pulsa.complaint("report", "states", **both).startswith(f"settings-invalid: {variable}_FILE: ")
    file.write_text("")
    empty = pulsa.complaint("report", "states", **{f"{variable}_FILE": str(file)})
    assert empty == f"settings-invalid: {variable}_FILE: {file} is empty"
    missing = pulsa.complaint("report", "states", **{f"{variable}_FILE": "nowhere"})
    assert missing == f"settings-invalid: {variable}_FILE: nowhere: No such file or directory"


@pytest.mark.parametrize(
    "wrong",
    [
        {"PULSA_REGISTRY": "localhost:8081"},
        {"PULSA_REGISTRY_USER": "me"},
        {"PULSA_REGISTRY_PASSWORD": "s3cret"},
        {"PULSA_REGISTRY_KEY": __file__},
        {"PULSA_REGISTRY_CA": "nowhere.pem"},
        {"PULSA_REGISTRY": "http://[::1"},
        {"PULSA_KAFKA": "broker:port"},
        {"PULSA_KAFKA": ","},
        {"PULSA_KAFKA": "http://broker:9092"},
        {"PULSA_KAFKA": "broker:99999"},
        {"PULSA_KAFKA_PREFIX": "../"},
        {"PULSA_KAFKA_PREFIX": "p" * 240},
        {"PULSA_KAFKA_SECURITY": "SASL_SSL", "PULSA_KAFKA_MECHANISM": "OAUTHBEARER"},
    ],
)
def test_what_a_registry_or_a_broker_cannot_be_asked_with_is_said(
    pulsa: Pulsa, wrong: dict[str, str]
) -> None:
    where = {"PULSA_KAFKA": "127.0.0.1:1", "PULSA_REGISTRY": "http://127.0.0.1:1"}
    assert pulsa.complaint("report", "states", **where | wrong).startswith("settings-invalid: PULSA_")
