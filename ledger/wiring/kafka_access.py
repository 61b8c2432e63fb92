"""How a log on Kafka is reached, as the settings say: addresses, TLS, passwords, and a folder for mirrors.

Each process has mirrors of its own, in the first folder that no other process is using.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kafka.errors import SaslAuthenticationFailedError

from ledger.errors import LogLocked, LogUnreachable, SettingsInvalid
from ledger.store import private
from ledger.store.kafka.connection import TOKEN_FILE, KafkaSettings, TokenFile
from ledger.store.lock import WriterLock
from ledger.wiring.settings import Settings

_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,200}", re.ASCII)
"""A topic's name has 249 characters at most, and mirrors are named so, too."""
_BROKER = re.compile(
    r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
)
_PORTS = range(1, 65_536)
_FILES = (
    "kafka_ca",
    "kafka_certificate",
    "kafka_key",
    "kafka_token_file",
    "registry_ca",
    "registry_certificate",
    "registry_key",
)
"""Settings that name files, which have to be there."""


def kafka_settings(settings: Settings, mirrors: Path) -> KafkaSettings:
    """Where the log is and how to connect, with mirrors in a folder of this process's own. Raises SettingsInvalid."""
    if settings.kafka is None:
        raise SettingsInvalid("PULSA_KAFKA: is not set; it names the brokers of a log on Kafka")
    if settings.registry is None:
        raise SettingsInvalid("PULSA_REGISTRY: is not set; a log on Kafka needs its schema registry")
    if not _is_web_address(settings.registry):
        raise SettingsInvalid("PULSA_REGISTRY: not an address that begins with http:// or https://")
    if not all(map(_is_broker, settings.kafka.split(","))):
        raise SettingsInvalid("PULSA_KAFKA: not brokers, such as one.example:9092,two.example:9092")
    if not _PREFIX.fullmatch(settings.kafka_prefix):
        raise SettingsInvalid(
            "PULSA_KAFKA_PREFIX: not at most 200 of the letters, digits, dots, _ and - of topics"
        )
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None and not path.is_file():
            raise SettingsInvalid(f"PULSA_{name.upper()}: there is no file {path}")
    return KafkaSettings(
        settings.kafka,
        settings.registry,
        mirrors,
        prefix=settings.kafka_prefix,
        partitions=settings.kafka_partitions,
        clock=settings.clock if settings.clock_is_stated else None,
        ids=settings.ids_asked,
        replication=settings.kafka_replication,
        client=_client_arguments(settings),
        registry_client=_registry_arguments(settings),
    )


def _is_web_address(text: str) -> bool:
    try:
        return urlsplit(text).scheme in ("http", "https")
    except ValueError:
        return False


def _is_broker(text: str) -> bool:
    """Whether it is a host's name or address, of version 6 in brackets or by itself, with a port or without one."""
    named = _BROKER.fullmatch(text.strip())
    return named is not None and int(named["port"] or 1) in _PORTS


def _client_arguments(settings: Settings) -> dict[str, Any]:
    """What kafka-python's clients are told of TLS and passwords."""
    security = settings.kafka_security
    arguments: dict[str, Any] = {}
    if security != "PLAINTEXT":
        arguments["security_protocol"] = security
    if security.startswith("SASL_") and settings.kafka_mechanism == "OAUTHBEARER":
        if settings.kafka_token_file is None:
            raise SettingsInvalid("PULSA_KAFKA_TOKEN_FILE: OAUTHBEARER needs the file that holds its token")
        try:
            TokenFile(settings.kafka_token_file).token()
        except SaslAuthenticationFailedError as error:
            raise SettingsInvalid(f"PULSA_KAFKA_TOKEN_FILE: {error}") from error
        arguments |= {"sasl_mechanism": "OAUTHBEARER", TOKEN_FILE: str(settings.kafka_token_file)}
    elif security.startswith("SASL_"):
        if settings.kafka_user is None or settings.kafka_password is None:
            raise SettingsInvalid(f"PULSA_KAFKA_USER, PULSA_KAFKA_PASSWORD: {security} needs both")
        arguments["sasl_mechanism"] = settings.kafka_mechanism
        arguments["sasl_plain_username"] = settings.kafka_user
        arguments["sasl_plain_password"] = settings.kafka_password.revealed()
    elif settings.kafka_user is not None:
        raise SettingsInvalid(f"PULSA_KAFKA_USER: {security} knows no users; set PULSA_KAFKA_SECURITY")
    if security.endswith("SSL"):
        files = (
            ("ssl_cafile", settings.kafka_ca),
            ("ssl_certfile", settings.kafka_certificate),
            ("ssl_keyfile", settings.kafka_key),
        )
        arguments |= {name: str(path) for name, path in files if path is not None}
    return arguments


def _registry_arguments(settings: Settings) -> dict[str, str]:
    """What the registry's client is told of passwords and certificates."""
    password = settings.registry_password
    if (settings.registry_user is None) != (password is None):
        raise SettingsInvalid(
            "PULSA_REGISTRY_USER, PULSA_REGISTRY_PASSWORD: one is of no use without the other"
        )
    if settings.registry_key is not None and settings.registry_certificate is None:
        raise SettingsInvalid("PULSA_REGISTRY_KEY: is of no use without PULSA_REGISTRY_CERTIFICATE")
    found = {
        "user": settings.registry_user,
        "password": None if password is None else password.revealed(),
        "ca": settings.registry_ca,
        "certificate": settings.registry_certificate,
        "key": settings.registry_key,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


@contextmanager
def own_mirrors(settings: Settings, kind: str, *, create: bool = False) -> Iterator[KafkaSettings]:
    """The settings with the first folder of a kind (`writer`, `reader`, `projector`) that no other process is using.

    `create` says that a log may be made where there is none.
    """
    folder = settings.mirrors_folder
    kafka_settings(settings, folder)  # what is wrong with the settings is said before anything is made
    private.make_folder(folder)
    for number in itertools.count():
        place = folder / f"{kind}-{number}"
        lock = WriterLock(str(place))
        try:
            lock.acquire()
        except LogLocked:
            continue
        try:
            with hinting(settings):
                yield replace(kafka_settings(settings, place), create=create)
        finally:
            lock.release()
        return


@contextmanager
def hinting(settings: Settings) -> Iterator[None]:
    """Says by which protocol no broker answers: one that speaks another answers nothing at all."""
    try:
        yield
    except LogUnreachable as error:
        if "no broker answers" not in str(error):
            raise
        raise LogUnreachable(f"{error} by {settings.kafka_security} (PULSA_KAFKA_SECURITY)") from error
