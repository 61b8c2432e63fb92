"""What all local servers have in common, shown by the least of them: a listener that says nothing."""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.local.process import LocalServer, ServerFailed, _take, free_port, listens
from tests.pages import ROOT
from tests.waiting import PATIENCE, until


class Listener(LocalServer):
    name = "listener"
    program = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()
"""

    def _command(self) -> list[str]:
        return [sys.executable, "-c", self.program, str(self.port)]

    def _answers(self) -> bool:
        return listens(self.port)


class Failing(Listener):
    program = "import sys; print('no disk'); sys.exit(3)"


class Crashing(Listener):
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


class Silent(Listener):
    program = "import signal; print('thinking', flush=True); signal.pause()"


class Stubborn(Listener):
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + Listener.program


def test_it_comes_back_on_the_same_port(tmp_path: Path) -> None:
    with Listener(tmp_path) as server:
        port = server.port
        for end in (server.stop, server.kill):
            end()
            assert not server.is_running
            assert not listens(port)
            assert server.start().port == port
            assert listens(port)


def test_starting_what_runs_and_stopping_what_does_not_changes_nothing(tmp_path: Path) -> None:
    server = Listener(tmp_path)
    server.stop()
    with server:
        server.start()
        assert server.is_running


def test_a_temporary_directory_goes_with_the_server_and_a_given_one_stays(tmp_path: Path) -> None:
    with Listener() as temporary, Listener(tmp_path / "given") as lasting:
        assert temporary.directory.is_dir()
    assert not temporary.directory.exists()
    assert lasting.log.exists()


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(
        ServerFailed, match=r"listener ended with exit code 3; its log .*listener\.log ends:\nno disk"
    ):
        Failing(tmp_path).start()


def test_only_the_log_of_this_start_is_reported(tmp_path: Path) -> None:
    (tmp_path / "listener.log").write_text("from an earlier start\n")
    with pytest.raises(ServerFailed) as failure:
        Failing(tmp_path).start()
    assert "earlier" not in str(failure.value)


def test_a_server_that_crashes_is_reported_with_the_signal(tmp_path: Path) -> None:
    with pytest.raises(
        ServerFailed, match=r"listener was ended by SIGKILL; its log .* ends:\n\(nothing was logged\)"
    ):
        Crashing(tmp_path).start()


def test_a_server_that_does_not_answer_in_time_is_reported_and_ended(tmp_path: Path) -> None:
    server = Silent(tmp_path, timeout=0.5)
    with pytest.raises(ServerFailed, match=r"did not answer within 0\.5 s"):
        server.start()
    assert not server.is_running


def test_a_server_that_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    server = Stubborn(tmp_path, timeout=PATIENCE).start()
    server.timeout = 0.1
    server.stop()
    assert not listens(server.port)


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with (
        Listener(tmp_path) as first,
        pytest.raises(ServerFailed, match=f"port {first.port} of 127.0.0.1 is taken"),
    ):
        Listener(tmp_path, port=first.port).start()


def test_a_free_port_is_none_that_an_outgoing_connection_may_be_given() -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert free_port() < first_outgoing


def test_a_port_is_given_to_one_process_alone_before_anybody_listens_there() -> None:
    program = "from ledger.local.process import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        assert not listens(port)
        assert not _take(port)
        other.kill()
    assert _take(port)
    assert not _take(port), "nor twice to this one"


def test_a_server_stays_when_the_thread_that_started_it_has_ended(tmp_path: Path) -> None:
    server = Listener(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    until(lambda: not Path(f"/proc/self/task/{thread.native_id}").exists())
    with contextlib.closing(server):
        assert listens(server.port)
        assert server.is_running


def test_a_server_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent_program = (
        "import sys, test_local_process as t; "
        "print(t.Listener(sys.argv[1]).start().port, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.kill()
    until(lambda: not listens(port))
