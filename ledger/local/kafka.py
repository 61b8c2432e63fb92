"""A real Kafka broker on this machine: one node, its own controller (KRaft). For tests and for trying things.

Touches its directory and two ports of 127.0.0.1: one for clients, one for the controller.
"""

import base64
import itertools
import os
import re
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from ledger.local.java import KEYTOOL, LEARNING, installed, jars, java, learned
from ledger.local.process import LocalServer, ServerFailed, free_port, listens

VERSION = "4.3.0"

SUPERUSER = "root"
"""Who may do everything on a broker with users, and grants the others what they may do."""

_PROGRAM = f"kafka-{VERSION}"
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # writes the log; must be of the version of slf4j-api that Kafka brings
)

_QUICKLY = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""What halves the processor time of a broker that lives for minutes, and answers a few at a time."""

SINGLE_BROKER_SETTINGS = {
    # One broker cannot hold three copies: with the defaults the first transaction waits for ever.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # By default 50 each, which are files to make at the first transaction and to check after a kill.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # It has nobody to hand over to. While it tried, no partition would have a leader, and transactions that end then
    # would be committed without a marker where they wrote (KAFKA-20734): nobody would see what they hold.
    "controlled.shutdown.enable": "false",
}
"""What the only broker of a cluster needs, wherever it runs."""

_SETTINGS = SINGLE_BROKER_SETTINGS | {
    "process.roles": "broker,controller",
    "node.id": "1",
    "log.dirs": "data",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    # So long after a kill the controller takes the returning broker for a second one (by default 9 s).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}

_FEATURES = "bootstrap.checkpoint"
"""The file of a new data directory that says which of Kafka's features the cluster begins with."""

_KEYSTORE, _CERTIFICATE = "broker.p12", "broker.pem"

# All of it, the controller's listener too, asks for a password, so that nobody is anonymous.
_SECURE_SETTINGS = {
    "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SASL_SSL",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": _KEYSTORE,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": _CERTIFICATE,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:{SUPERUSER}",
}


class LocalKafka(LocalServer):
    """A Kafka broker whose data survives `stop` and `kill`.

    ::

        with LocalKafka() as broker:
            KafkaProducer(bootstrap_servers=broker.bootstrap_servers)

    Given `users` (passwords by name) it speaks SASL_SSL with PLAIN only, and refuses what no ACL allows::

        with LocalKafka(users={"auditor": "..."}) as broker:
            KafkaAdminClient(**broker.client()).create_acls(...)
            KafkaConsumer(**broker.client("auditor"))
    """

    name = "kafka"
    learning = ""
    """The option by which Java is to keep what it learns of the broker."""

    def __init__(  # noqa: PLR0913 - as any server, and what is Kafka's own
        self,
        directory: Path | str | None = None,
        *,
        port: int = 0,
        timeout: float = 300,
        users: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        under_load: bool = False,
    ) -> None:
        """Choose directory, port and time as for any local server; `settings` bear Kafka's own names.

        `under_load`: Java compiles what is hot a second time, which pays after minutes of it, and costs before.
        """
        for word in itertools.chain.from_iterable((users or {}).items()):
            if not re.fullmatch(r"[\w.-]+", word, re.ASCII):
                raise ValueError("names and passwords are of letters, digits, '.', '_' and '-' only")
        super().__init__(directory, port=port, timeout=timeout)
        self._controller_port = free_port()
        self._cluster_id = ""
        self._extra_settings = dict(settings or {})
        self._compiles = () if under_load else _QUICKLY
        self._passwords = None if users is None else {SUPERUSER: secrets.token_hex(), **users}
        self._keystore_password = ""

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect, `host:port`."""
        return f"127.0.0.1:{self.port}"

    def client(self, user: str = SUPERUSER) -> dict[str, str]:
        """Return the arguments of a kafka-python client; where there are users, it connects as this one."""
        arguments = {"bootstrap_servers": self.bootstrap_servers}
        if self._passwords is not None:
            arguments |= {
                "security_protocol": "SASL_SSL",
                "ssl_cafile": str(self.directory / _CERTIFICATE),
                "sasl_mechanism": "PLAIN",
                "sasl_plain_username": user,
                "sasl_plain_password": self._passwords[user],
            }
        return arguments

    def _command(self) -> list[str]:
        if self._passwords is not None and not self._keystore_password:
            self._keystore_password = secrets.token_hex()
            self._make_keystore()
        file = self.directory / "server.properties"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as properties:
            properties.writelines(f"{name}={value}\n" for name, value in self._server_settings().items())
        meta = self.directory / "data" / "meta.properties"
        if not meta.exists():
            self._format(meta)
        (self._cluster_id,) = re.findall(r"^cluster\.id=(.+)$", meta.read_text(), re.MULTILINE)
        learning = self.learning or learned(_PROGRAM, _learn)
        return self._java(learning, *self._compiles, "-Xmx768m", "kafka.Kafka", file.name)

    def _format(self, meta: Path) -> None:
        """Make a data directory with nothing in it: as Kafka's own tool made the first one, with other ids."""
        meta.parent.mkdir(exist_ok=True)
        shutil.copy(installed(f"{_PROGRAM}-formatted", self._formatted) / _FEATURES, meta.parent)
        meta.write_text(f"version=1\nnode.id=1\ncluster.id={_new_id()}\ndirectory.id={_new_id()}\n")

    def _formatted(self, _: object, folder: Path) -> None:
        """Have Kafka's tool, a Java program that takes a second, say which features a new cluster has."""
        form = ("format", f"--cluster-id={_new_id()}", "--config", "server.properties")
        self._run(*self._java(*_QUICKLY, "kafka.tools.StorageTool", *form))
        shutil.copy(self.directory / "data" / _FEATURES, folder)

    def _java(self, *program: str) -> list[str]:
        log = "-Dorg.slf4j.simpleLogger"
        return java(
            f"{log}.showDateTime=true",
            f"{log}.dateTimeFormat=HH:mm:ss.SSS",
            "-cp",
            f"{jars(_PROGRAM, *_COORDINATES)}/*",
            *program,
            temporary=self.directory / "tmp",
        )

    def _server_settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port}"
        settings = _SETTINGS | {
            "listeners": f"CLIENT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.voters": f"1@{controller}",
        }
        if self._passwords is not None:
            login = " ".join(
                [
                    "org.apache.kafka.common.security.plain.PlainLoginModule required",
                    f'username="{SUPERUSER}" password="{self._passwords[SUPERUSER]}"',
                    *(f'user_{name}="{password}"' for name, password in self._passwords.items()),
                ]
            )
            settings |= _SECURE_SETTINGS | {
                "ssl.keystore.password": self._keystore_password,
                "listener.name.client.plain.sasl.jaas.config": f"{login};",
                "listener.name.controller.plain.sasl.jaas.config": f"{login};",
            }
        return settings | self._extra_settings

    def _make_keystore(self) -> None:
        """Make the broker's key, and the certificate by which clients know it."""
        for file in (_KEYSTORE, _CERTIFICATE):
            (self.directory / file).unlink(missing_ok=True)
        quickly = [f"-J{option}" for option in _QUICKLY]
        keytool = (
            str(KEYTOOL),
            *quickly,
            "-keystore",
            _KEYSTORE,
            "-storepass:env",
            "PASSWORD",
            "-alias",
            "broker",
        )
        key = ("-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "36500")
        self._run(*keytool, *key, "-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost")
        self._run(*keytool, "-exportcert", "-rfc", "-file", _CERTIFICATE)
        (self.directory / _KEYSTORE).chmod(0o600)

    def _run(self, *command: str) -> None:
        environment = {"PASSWORD": self._keystore_password, "LC_ALL": "C"}
        result = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise ServerFailed(f"{self.name}: {command[0]} failed:\n{result.stdout}{result.stderr}")

    def _answers(self) -> bool:
        if not listens(self.port):
            return False
        try:
            admin = KafkaAdminClient(**self.client(), bootstrap_timeout_ms=5000, request_timeout_ms=5000)
            try:
                cluster = admin.describe_cluster()
            finally:
                admin.close()
        except KafkaError:
            return False
        is_ours = cluster["cluster_id"] == self._cluster_id
        return is_ours and any(not broker["is_fenced"] for broker in cluster["brokers"])


def _new_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _learn(option: str) -> None:
    broker = LocalKafka(timeout=LEARNING)
    broker.learning = option
    with broker:
        pass
