"""The page on bringing a file of one's own is done as it stands: what is pasted is taken in, and shown what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "bring-your-own-file.md").read_text("utf-8")
RATE = re.compile(r"^(\d+ commands?) in .*$", re.MULTILINE)


def test_the_page_is_done_as_it_stands(tmp_path: Path) -> None:
    pasted = re.findall(r"```csv (\S+)\n(.*?)```", PAGE, re.DOTALL)
    for name, text in pasted:
        (tmp_path / name).write_text(text, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PULSA_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if command.startswith("export "):
                environment |= dict(word.split("=", 1) for word in command.split()[1:])
                continue
            ran = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.stderr + RATE.sub(r"\1", ran.stdout) == output, command
            done.append((command.split()[1], ran.returncode))
    assert [name for name, _ in pasted] == ["opening.csv", "usage.csv"]
    assert done == [("data", 0), ("ingest", 0), ("ingest", 1)]
