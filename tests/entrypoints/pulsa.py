"""`pulsa`, on a log file of its own: run in this process, and as a process that runs until it is stopped."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from ledger.entrypoints.cli import main
from ledger.entrypoints.cli.app import app
from ledger.errors import page_of
from tests.answer_schemas import must_be_as_said
from tests.processes import Forked, Process

NUMBER, OTHER = "6288112345678", "6288187654321"
START = "2023-07-03T10:00:00+07:00"
SP23 = "smartfren-prepaid-2023"


class Pulsa:
    """Runs `pulsa` with an environment of its own: a played log in a folder, unless told otherwise."""

    def __init__(self, folder: Path, **environment: str | None) -> None:
        self.folder = folder
        self.log = folder / "pulsa.db"
        self.environment: dict[str, str | None] = {"PULSA_LOG": str(self.log), "PULSA_CLOCK": "played"}
        self.environment |= environment

    def __call__(self, *arguments: str, feed: bytes | str | None = None, **environment: str | None) -> Result:
        """The result of a run: exit code, what it printed, and what it complained of. JSON is as its schema says."""
        given = self.environment | environment
        result = CliRunner(env=given).invoke(app, arguments, input=feed)
        assert "Traceback" not in result.output
        if "--json" in arguments:
            must_be_as_said(arguments, result.stdout)
        return result

    def done(self, *arguments: str, feed: bytes | str | None = None, **environment: str | None) -> str:
        """What a run printed, that has to end well."""
        result = self(*arguments, feed=feed, **environment)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str, **environment: str | None) -> list[dict[str, Any]]:
        """The lines of JSON of a run that has to end well."""
        return [json.loads(line) for line in self.done(*arguments, "--json", **environment).splitlines()]

    def complaint(self, *arguments: str, **environment: str | None) -> str:
        """The one line of a run that cannot do what it is asked, without the names of the program and of its page."""
        result = self(*arguments, **environment)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        said = line.removeprefix("pulsa: ")
        page = page_of(said.partition(":")[0])
        assert said != line
        assert page is None or said.endswith(f" ({page})")
        return said.removesuffix(f" ({page})")

    def file(self, name: str, *lines: str | bytes | dict[str, Any], end: bytes = b"\n") -> str:
        """A file of lines; a record stands as JSON."""
        path = self.folder / name
        path.write_bytes(b"".join(as_bytes(line) + end for line in lines))
        return str(path)

    def active(self, number: str = NUMBER, *, credit: str = "5000") -> None:
        """An account, active since START."""
        issue = ("--terms", SP23, "--printed-credit", credit, "--valid-until", "2030-12-31")
        self.done("number", "issue", number, "--command-id", "issue", *issue, "--now", START)
        verified = ("--channel", "sms-4444", "--customer", "customer-1", "--registration", "verified")
        self.done("number", "activate", number, "--command-id", "activate", *verified, "--now", START)

    def events(self) -> list[dict[str, Any]]:
        """Everything in the log."""
        return self.json("log", "events")


class Running(Process):
    """A verb that runs until it is stopped."""

    def __init__(self, *arguments: str, stderr: Any = subprocess.PIPE, **environment: str | None) -> None:
        stated = {name: value for name, value in environment.items() if value is not None}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
        super().__init__("ledger.entrypoints.cli", *arguments, env=inherited | stated, stderr=stderr)
        self.lines: list[str] = []
        """What of its log was read."""

    def logged(self, wanted: str) -> str:
        """Its next line in the log that has a word in it."""
        while True:
            self.lines.append(self.line(of_log=True))
            assert self.lines[-1], f"it ended before it said {wanted}"
            if wanted in self.lines[-1]:
                return self.lines[-1]


def in_a_process(
    *arguments: str, environment: Mapping[str, str | None], largest: int | None = None
) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, where asked with a largest file size (bytes)."""
    stated = {name: value for name, value in environment.items() if value is not None}
    run = Forked(_main, arguments, dict(os.environ) | stated, largest)
    return subprocess.CompletedProcess(arguments, *run.done())


def _main(arguments: tuple[str, ...], environment: dict[str, str], largest: int | None) -> int:
    os.environ.clear()
    os.environ.update(environment)
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    main(arguments)
    return 0


def as_bytes(line: str | bytes | dict[str, Any]) -> bytes:
    """A line of a file."""
    if isinstance(line, dict):
        return json.dumps(line).encode()
    return line.encode() if isinstance(line, str) else line


def issue(number: str = NUMBER, **own: Any) -> dict[str, Any]:
    """A starter pack, as a file has it."""
    return {
        "command": "IssueStarterPack",
        "command_id": "issue",
        "at": START,
        "msisdn": number,
        "terms": SP23,
        "printed_credit": "5000",
        "valid_until": "2030-12-31",
    } | own


def activate(number: str = NUMBER, **own: Any) -> dict[str, Any]:
    """An activation, as a file has it."""
    return {
        "command": "Activate",
        "command_id": "activate",
        "at": START,
        "msisdn": number,
        "channel": "sms-4444",
        "customer": "customer-1",
        "registration": "verified",
    } | own


def top_up(command_id: str = "top-up", number: str = NUMBER, **own: Any) -> dict[str, Any]:
    """A top-up, as a file has it."""
    return {
        "command": "TopUp",
        "command_id": command_id,
        "at": START,
        "msisdn": number,
        "credit": "10000",
        "price": "11000",
        "channel": "app",
    } | own


def use(command_id: str = "use", number: str = NUMBER, **own: Any) -> dict[str, Any]:
    """A call of 200 seconds, as a file has it."""
    return {
        "command": "RecordUsage",
        "command_id": command_id,
        "at": START,
        "msisdn": number,
        "service": "voice",
        "direction": "outgoing",
        "destination": "off-net",
        "zone": "zone1",
        "used_at": START,
        "quantity": 200,
    } | own
