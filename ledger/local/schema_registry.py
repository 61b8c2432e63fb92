"""A real schema registry on this machine: Apicurio, by Confluent's API. For tests and for trying things.

Touches its directory (an H2 database) and one port of 127.0.0.1.
"""

import http.client

from ledger.local.java import LEARNING, java, learned, unpacked
from ledger.local.process import LocalServer

VERSION = "3.0.9"  # 3.3.3 hangs on some paths, and gives a changed enum default the id of the old schema

_API = "/apis/ccompat/v7"


class LocalRegistry(LocalServer):
    """A schema registry that has on disk whatever it acknowledged.

    ::

        with LocalRegistry() as registry:
            requests.get(f"{registry.url}/subjects")
    """

    name = "registry"
    learning = ""
    """The option by which Java is to keep what it learns of the program."""

    @property
    def url(self) -> str:
        """The base of the Confluent-compatible API."""
        return f"http://127.0.0.1:{self.port}{_API}"

    def _command(self) -> list[str]:
        program = unpacked(
            f"apicurio-registry-{VERSION}", "io.apicurio", "apicurio-registry-app", VERSION, classifier="all"
        )
        return java(
            self.learning or learned(program.name, _learn),
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={self.port}",
            # A line or two for each request is a fifth of its work.
            "-Dquarkus.log.level=WARN",
            "-Dquarkus.http.access-log.enabled=false",
            # The default store is in memory. Without WRITE_DELAY=0 a kill loses acknowledged schemas, and
            # gives their ids, which are in records by then, to others.
            "-Dapicurio.datasource.url=jdbc:h2:file:./registry;WRITE_DELAY=0",
            "-jar",
            str(program / f"apicurio-registry-app-{VERSION}-runner.jar"),
            temporary=self.directory / "tmp",
        )

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"{_API}/subjects")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _learn(option: str) -> None:
    registry = LocalRegistry(timeout=LEARNING)
    registry.learning = option
    with registry:
        pass
