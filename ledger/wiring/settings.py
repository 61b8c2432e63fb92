"""What is set from outside: options, or the environment (`PULSA_…`). Read once at the entry point, and frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.domain.calendar import format_instant, parse_instant
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
Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything that can be set. `now` is an instant in UTC microseconds, `timeout` the seconds to await an answer."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", validate_default=False
    )

    log: Path = Path("pulsa.db")
    clock: Clock = "live"
    kafka: str | None = None
    registry: str | None = None
    database: str | None = None
    terms: Path | None = None
    checkpoints: Path | None = None
    evidence: Path | None = None
    evidence_key: Path | None = None
    vault: str | None = None
    vault_key: Path | None = None
    seller: str | None = None
    seller_tax_number: str | None = None
    now: Annotated[int | None, BeforeValidator(_instant)] = None
    kafka_prefix: str = ""
    kafka_partitions: Annotated[int | None, Field(ge=1, le=10_000)] = None
    kafka_replication: Annotated[int | None, Field(ge=1, le=100)] = None
    kafka_security: Security = "PLAINTEXT"
    kafka_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca: Path | None = None
    kafka_certificate: Path | None = None
    kafka_key: Path | None = None
    kafka_token_file: Path | None = None
    registry_user: str | None = None
    registry_password: SecretStr | None = None
    registry_ca: Path | None = None
    registry_certificate: Path | None = None
    registry_key: Path | None = None
    mirrors: Path | None = None
    metrics: str | None = None
    metrics_certificate: Path | None = None
    metrics_key: Path | None = None
    timeout: Annotated[float, Field(gt=0)] = 30.0

    @property
    def mirrors_folder(self) -> Path:
        """Where this machine's mirrors of a log on Kafka are kept: by default beside where a log's file would be."""
        return self.mirrors or self.log.with_name(f"{self.log.name}.mirrors")

    @property
    def clock_is_stated(self) -> bool:
        """Whether the clock was asked for; else a log that is there keeps its own."""
        return "clock" in self.model_fields_set

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
    try:
        return Settings(**held | stated)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else "settings"
        source = option_of(name) if name in stated else f"{PREFIX}{name.upper()}"
        message = wrong["msg"].removeprefix("Value error, ")
        given = hidden(str(wrong["input"]))
        raise SettingsInvalid(f"{source}: {message} (it is {given!r})") from None


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
    for name in Settings.model_fields:
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
