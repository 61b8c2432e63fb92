"""Where the Kafka log is, how its clients connect, and how their errors are said in the ledger's own words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka
from kafka.net.sasl.oauth import AbstractTokenProvider

from ledger.errors import (
    CommitUncertain,
    InstanceTaken,
    LogUnreachable,
    SettingsInvalid,
    TopicMismatch,
    WriterFenced,
)

BOOTSTRAP_TIMEOUT_MS = 6000
"""How long a broker may take to answer at all before that is said to be wrong."""
RECONNECT_AFTER_MS = 1000
"""How long a client that lost its broker waits at most before it tries again."""
QUESTION_TIMEOUT_MS = 5000
"""How long a question about offsets may take before it is given up, to be asked again."""

COMMANDS, POLICIES = "commands", "policies"
"""The topics that a command may come from, as answers name them."""

_FENCED = (
    kafka.ProducerFencedError,
    kafka.InvalidProducerEpochError,
    kafka.TransactionCoordinatorFencedError,
)
TAKEN = "another writer has taken it over, or the broker gave up waiting for this one"
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)
_LIMIT = "it does not take a record of this size: see max.message.bytes of the topics"
_INSTANCE = "another writer has joined the group by the same name (--instance): give each a name of its own"
_DENIED = (kafka.SaslAuthenticationFailedError, kafka.AuthorizationError)


TOKEN_FILE = "token_file"  # noqa: S105 - the name of an argument
"""Among the clients' arguments, the file whose content is the token of OAUTHBEARER."""


class TokenFile(AbstractTokenProvider):
    """The token as its file has it whenever a connection is made: whoever renews it replaces the file."""

    def __init__(self, path: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._path = path

    def token(self) -> str:
        """The token. Raises kafka-python's SaslAuthenticationFailedError where there is none."""
        try:
            token = self._path.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise kafka.SaslAuthenticationFailedError(f"{self._path}: {error}") from error
        if not token or not token.isprintable() or " " in token:
            raise kafka.SaslAuthenticationFailedError(f"{self._path} holds no token")
        return token


def _with_token(client: Mapping[str, Any]) -> dict[str, Any]:
    arguments = dict(client)
    file = arguments.pop(TOKEN_FILE, None)
    if file is not None:
        arguments["sasl_oauth_token_provider"] = TokenFile(Path(file))
    return arguments


@dataclass(frozen=True)
class KafkaSettings:
    """One log on Kafka. `client` are more arguments of every kafka-python client: SASL, TLS.

    `registry_client` are those of `RegistryAccess` besides the address.
    `partitions` is what is asked for (None: as found, and `DEFAULT_PARTITIONS` for a log that is not there yet);
    `clock` likewise (None: as found, and live for a new log). `mirrors` is this process's own folder.
    """

    bootstrap: str
    registry: str
    mirrors: Path
    prefix: str = ""
    partitions: int | None = None
    clock: str | None = None
    ids: str | None = None
    """`numbers` or `tokens`, where that is asked for."""
    create: bool = False
    """Whether a log that is not there may be made."""
    replication: int | None = None
    """Copies of each partition that are asked for; None: one on a single broker, else at least `REPLICAS`."""
    commit_timeout: float = 15.0
    transaction_timeout: float = 10.0
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    registry_client: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def events(self) -> str:
        """The topic that is the truth."""
        return f"{self.prefix}ledger.events"

    @property
    def commands(self) -> str:
        """The topic of what is asked."""
        return f"{self.prefix}ledger.commands"

    @property
    def policies(self) -> str:
        """The topic of what only the ledger itself says: what follows in another partition, and the clock's word."""
        return f"{self.prefix}ledger.policies"

    @property
    def sources(self) -> dict[str, str]:
        """The topics that writers take commands from, by the name that answers call them by, in the order of taking."""
        return {POLICIES: self.policies, COMMANDS: self.commands}

    @property
    def replies(self) -> str:
        """The topic of the answers, from which the journal is made again."""
        return f"{self.prefix}ledger.replies"

    @property
    def dead(self) -> str:
        """The topic of what could not be taken at all."""
        return f"{self.prefix}ledger.commands.dead"

    @property
    def checkpoints(self) -> str:
        """The topic of what was signed of the log; it is no part of it."""
        return f"{self.prefix}ledger.checkpoints"

    @property
    def checkpointer(self) -> str:
        """The transactional id of the one process that makes checkpoints."""
        return f"{self.prefix}ledger-checkpointer"

    @property
    def preferences(self) -> str:
        """The topic of what the holders of numbers agree to; it is no part of the log, and follows from it."""
        return f"{self.prefix}ledger.preferences"

    @property
    def teller_of_preferences(self) -> str:
        """The transactional id of the one process that writes it."""
        return f"{self.prefix}ledger-preferences"

    @property
    def topics(self) -> list[str]:
        """Every topic of the log."""
        return [self.events, self.commands, self.policies, self.replies, self.dead]

    @property
    def group(self) -> str:
        """The consumer group of the writers."""
        return f"{self.prefix}ledger-writers"

    def transactional_id(self, partition: int) -> str:
        """Names the one writer of a partition; a newer one fences the older."""
        return f"{self.prefix}ledger-writer-{partition}"

    def mirror(self, partition: int) -> Path:
        """The mirror of a partition."""
        return self.mirrors / f"{self.prefix}mirror-{partition}.db"

    def arguments(self) -> dict[str, Any]:
        """What every kafka-python client is made with."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
            "reconnect_backoff_max_ms": RECONNECT_AFTER_MS,
            **_with_token(self.client),
        }

    def environment(self, partition: int) -> dict[str, str]:
        """The environment of an `eventsourcing` application that writes one partition."""
        stated = {
            "PERSISTENCE_MODULE": "ledger.store.kafka",
            "ORIGINATOR_ID_TYPE": "text",
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_REGISTRY": self.registry,
            "KAFKA_MIRRORS": str(self.mirrors),
            "KAFKA_TOPIC_PREFIX": self.prefix,
            "KAFKA_PARTITION": str(partition),
            "KAFKA_COMMIT_TIMEOUT": str(self.commit_timeout),
            "KAFKA_TRANSACTION_TIMEOUT": str(self.transaction_timeout),
            "KAFKA_CLIENT": json.dumps(dict(self.client)),
            "KAFKA_REGISTRY_CLIENT": json.dumps(dict(self.registry_client)),
        }
        if self.partitions is not None:
            stated["KAFKA_PARTITIONS"] = str(self.partitions)
        if self.clock is not None:
            stated["KAFKA_CLOCK"] = self.clock
        if self.create:
            stated["KAFKA_CREATE"] = "y"
        if self.replication is not None:
            stated["KAFKA_REPLICATION"] = str(self.replication)
        return stated


def settings_from(env: Mapping[str, str]) -> KafkaSettings:
    """The settings that an application's environment states. Raises SettingsInvalid where one is missing."""

    def required(name: str) -> str:
        value = env.get(name)
        if not value:
            raise SettingsInvalid(f"{name}: is not set")
        return value

    partitions, replication = env.get("KAFKA_PARTITIONS"), env.get("KAFKA_REPLICATION")
    return KafkaSettings(
        bootstrap=required("KAFKA_BOOTSTRAP_SERVERS"),
        registry=required("KAFKA_REGISTRY"),
        mirrors=Path(required("KAFKA_MIRRORS")),
        prefix=env.get("KAFKA_TOPIC_PREFIX") or "",
        partitions=int(partitions) if partitions else None,
        clock=env.get("KAFKA_CLOCK") or None,
        create=env.get("KAFKA_CREATE", "n") == "y",
        replication=int(replication) if replication else None,
        commit_timeout=float(env.get("KAFKA_COMMIT_TIMEOUT") or KafkaSettings.commit_timeout),
        transaction_timeout=float(env.get("KAFKA_TRANSACTION_TIMEOUT") or KafkaSettings.transaction_timeout),
        client=json.loads(env.get("KAFKA_CLIENT") or "{}"),
        registry_client=json.loads(env.get("KAFKA_REGISTRY_CLIENT") or "{}"),
    )


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turns kafka-python's errors into the ledger's own, with what was being done.

    Raises WriterFenced where another writer has taken over, InstanceTaken where one has joined by its name,
    LogUnreachable where no broker answers or it refuses us, TopicMismatch where a record is larger than a topic takes
    (which the same record will always be), else CommitUncertain: then it is not known what the broker has.
    """
    try:
        yield
    except _FENCED as error:
        raise WriterFenced(f"{what}: {TAKEN}") from error
    except _TOO_LARGE as error:
        raise TopicMismatch(f"{what}: {_LIMIT}") from error
    except kafka.FencedInstanceIdError as error:
        raise InstanceTaken(f"{what}: {_INSTANCE}") from error
    except _DENIED as error:
        raise LogUnreachable(f"{what}: the broker refuses these credentials: {error}") from error
    except kafka.KafkaConfigurationError as error:
        raise SettingsInvalid(f"Kafka: {error}") from error
    except kafka.KafkaConnectionError as error:
        raise LogUnreachable(f"{what}: no broker answers: {error}") from error
    except kafka.KafkaTimeoutError as error:
        if "bootstrap" in str(error):
            raise LogUnreachable(f"{what}: no broker answers at these addresses") from error
        raise CommitUncertain(f"{what}: {error}") from error
    except kafka.KafkaError as error:
        # What a producer says once it has failed: the reason is there by its name only.
        if kafka.FencedInstanceIdError.__name__ in str(error):
            raise InstanceTaken(f"{what}: {_INSTANCE}") from error
        if any(kind.__name__ in str(error) for kind in _FENCED):
            raise WriterFenced(f"{what}: {TAKEN}") from error
        if any(kind.__name__ in str(error) for kind in _TOO_LARGE):
            raise TopicMismatch(f"{what}: {_LIMIT}") from error
        raise CommitUncertain(f"{what}: {type(error).__name__}: {error}") from error


def let_go(producer: KafkaProducer, seconds: float) -> None:
    """Closes a producer within so many seconds; what it could not send by then it sends no more.

    kafka-python's own `close` raises where something is left to send, and its thread goes on for ever.
    """
    try:
        producer.close(timeout=seconds)
    except kafka.KafkaError:
        sender: Any = producer._sender  # noqa: SLF001
        sender.force_close()
        sender.join(seconds)
        producer._closed = True  # noqa: SLF001
