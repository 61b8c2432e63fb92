"""What is set from outside: options, or the environment (`PULSA_…`). Read once at the entry point, and frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from ledger.domain.calendar import format_instant, parse_instant
from ledger.domain.reading_sections import Faulty
from ledger.domain.reading_sections import read as read_section
from ledger.domain.sections import Bounds, Section, Takes
from ledger.errors import SettingsInvalid

PREFIX = "PULSA_"
"""How every variable of the environment begins."""

FROM_FILES = (
    "database",
    "vault",
    "kafka_user",
    "kafka_password",
    "registry",
    "registry_user",
    "registry_password",
)
"""Settings that a file may hold instead, which `PULSA_…_FILE` names: secrets, and whom they are of."""

_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):\S*@")
_SECRET_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")

Clock = Literal["live", "played"]
Ids = Literal["numbers", "tokens"]
Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class Secret:
    """A text that is shown nowhere."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "**********"

    def revealed(self) -> str:
        """The text."""
        return self._text


def _whole(value: object) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", str(value), re.ASCII):
        raise ValueError
    return int(str(value))


def _seconds(value: object) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", str(value), re.ASCII):
        raise ValueError
    return float(str(value))


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


def _instant(value: object) -> int:
    return value if isinstance(value, int) else parse_instant(str(value))


_File = Annotated[Path, Takes("a path", "pulsa.db", lambda value: Path(str(value)), str)]
_Hidden = Annotated[Secret, Takes("a text", "example", _secret, str)]
_Instant = Annotated[int, Takes("an instant", "2023-07-03T10:00:00+07:00", _instant)]
_Count = Annotated[int, Takes("a whole number", 1, _whole)]
_Seconds = Annotated[float, Bounds(above=0), Takes("a number of seconds", 30.0, _seconds)]


class Settings(Section):
    """Everything that can be set. `now` is an instant in UTC microseconds, `timeout` the seconds to await an answer.

    `vault_backup_days` are the days after the end of its month that a backup of the vault can still be read,
    `commands_days` those that commands lie on Kafka once they are answered, `evidence_days` those after the
    day on which the log received a statement that the file it came in is kept.
    """

    log: _File = Path("pulsa.db")
    clock: Clock = "live"
    ids: Ids = "numbers"
    kafka: str | None = None
    registry: str | None = None
    database: str | None = None
    terms: _File | None = None
    checkpoints: _File | None = None
    evidence: _File | None = None
    evidence_key: _File | None = None
    evidence_days: Annotated[_Count, Bounds(1, 36_500)] = 3_653
    vault: str | None = None
    vault_key: _File | None = None
    vault_backup_keys: _File | None = None
    vault_backup_days: Annotated[_Count, Bounds(1, 3_650)] = 35
    commands_days: Annotated[_Count, Bounds(0, 3_650)] = 30
    seller: str | None = None
    seller_tax_number: str | None = None
    now: _Instant | None = None
    kafka_prefix: str = ""
    kafka_partitions: Annotated[_Count, Bounds(1, 10_000)] | None = None
    kafka_replication: Annotated[_Count, Bounds(1, 100)] | None = None
    kafka_security: Security = "PLAINTEXT"
    kafka_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_user: str | None = None
    kafka_password: _Hidden | None = None
    kafka_ca: _File | None = None
    kafka_certificate: _File | None = None
    kafka_key: _File | None = None
    kafka_token_file: _File | None = None
    registry_user: str | None = None
    registry_password: _Hidden | None = None
    registry_ca: _File | None = None
    registry_certificate: _File | None = None
    registry_key: _File | None = None
    mirrors: _File | None = None
    metrics: str | None = None
    metrics_certificate: _File | None = None
    metrics_key: _File | None = None
    timeout: _Seconds = 30.0

    def changed(self, **values: Any) -> Settings:  # noqa: ANN401 - the settings' own
        """The same settings but for some."""
        return Settings(**({name: getattr(self, name) for name in self.said} | values))

    @property
    def mirrors_folder(self) -> Path:
        """Where this machine's mirrors of a log on Kafka are kept: by default beside where a log's file would be."""
        return self.mirrors or self.log.with_name(f"{self.log.name}.mirrors")

    @property
    def clock_is_stated(self) -> bool:
        """Whether the clock was asked for; else a log that is there keeps its own."""
        return "clock" in self.said

    @property
    def ids_asked(self) -> str | None:
        """What the log is to have, numbers or tokens; None where nobody said: one that is there keeps its own."""
        return self.ids if "ids" in self.said else None

    @property
    def database_file(self) -> Path:
        """The file beside the log that projections are in where no database is set."""
        return self.log.with_name(f"{self.log.name}.views.db")

    @property
    def checkpoints_folder(self) -> Path:
        """The folder of what was signed of the log: by default one beside it."""
        return self.checkpoints or self.log.with_name(f"{self.log.name}.checkpoints")

    @property
    def evidence_folder(self) -> Path:
        """The folder of files that statements came in: by default one beside the log."""
        return self.evidence or self.log.with_name(f"{self.log.name}.evidence")

    @property
    def evidence_key_file(self) -> Path:
        """The file of the key that digests of evidence are keyed with: by default one beside the log."""
        return self.evidence_key or self.log.with_name(f"{self.log.name}.evidence.key")

    @property
    def vault_url(self) -> str:
        """The SQLAlchemy URL of the vault: by default a SQLite file beside the log."""
        return self.vault or f"sqlite:///{self.log.with_name(f'{self.log.name}.vault.db')}"

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the projections: by default a SQLite file beside the log."""
        return self.database or f"sqlite:///{self.database_file}"


def option_of(name: str) -> str:
    """The command-line option of a setting; a command's own `--terms` names terms by their id."""
    return "--terms-folder" if name == "terms" else f"--{name}"


class Shown(NamedTuple):
    """A setting as it is shown: its name, its value with secrets hidden, and where it came from."""

    name: str
    value: str | None
    source: str


def read(options: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force: options first, then the environment. Raises SettingsInvalid."""
    stated = {name: value for name, value in (options or {}).items() if value is not None}
    held = {name: _held(name, file) for name, file in _files(stated).items()}
    variables = {name: os.environ.get(f"{PREFIX}{name.upper()}") for name in Settings.FIELDS}
    try:
        return read_section(
            Settings, {name: text for name, text in variables.items() if text} | held | stated
        )
    except Faulty as error:
        name, _, fault = error.faults[0].partition(": ")
        source = option_of(name) if name in stated else f"{PREFIX}{name.upper()}"
        raise SettingsInvalid(f"{source}: {hidden(fault)}") from None


def _files(stated: Collection[str]) -> dict[str, str]:
    """The files that hold settings, by name; an option wins. Raises SettingsInvalid where the environment does, too."""
    found = {}
    for name in FROM_FILES:
        variable = f"{PREFIX}{name.upper()}"
        file = os.environ.get(f"{variable}_FILE")
        if file and name not in stated:
            if os.environ.get(variable):
                raise SettingsInvalid(f"{variable}_FILE: {variable} is set, too; set one of them")
            found[name] = file
    return found


def _held(name: str, file: str) -> str:
    """What a file holds, without the end of its line. Raises SettingsInvalid."""
    variable = f"{PREFIX}{name.upper()}_FILE"
    try:
        text = Path(file).read_text("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{variable}: {file}: {getattr(error, 'strerror', None) or error}") from error
    if not text:
        raise SettingsInvalid(f"{variable}: {file} is empty")
    return text


def shown(settings: Settings, options: Mapping[str, Any] | None = None) -> list[Shown]:
    """Each setting with where it came from: an option, a variable of the environment, or the default."""
    stated = {name for name, value in (options or {}).items() if value is not None}
    files = _files(stated)
    rows = []
    for name in Settings.FIELDS:
        variable = f"{PREFIX}{name.upper()}"
        if name in stated:
            source = f"option {option_of(name)}"
        elif name in files:
            source = f"file {files[name]} ({variable}_FILE)"
        elif os.environ.get(variable):
            source = f"environment {variable}"
        else:
            source = "default"
        rows.append(Shown(name, _text(settings, name), source))
    return rows


def _text(settings: Settings, name: str) -> str | None:
    if name == "now":
        return None if settings.now is None else format_instant(settings.now)
    value = settings.database_url if name == "database" else getattr(settings, name)
    return None if value is None else hidden(str(value))


def hidden(text: str) -> str:
    """The text with the passwords of its URLs hidden."""
    text = _PASSWORD.sub(r"\1:***@", text)
    return _SECRET_PARAMETER.sub(r"\1***", text)
