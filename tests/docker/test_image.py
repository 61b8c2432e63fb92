"""The image and the compose file, as far as the machine allows: each test says what is missing where it is skipped."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.conftest import NewLog, new_log  # noqa: F401
from tests.pages import understood
from tests.servers import kafka_servers, run_directory  # noqa: F401
from tests.waiting import PATIENCE, until

_ROOT = Path(__file__).resolve().parents[2]
_IMAGE = "pulsa-ledger"
_IS_READY = "from urllib.request import urlopen; urlopen('http://127.0.0.1:9464/readyz', timeout=4)"


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.fixture(scope="module")
def image() -> str:
    if shutil.which("docker") is None or docker("info").returncode:
        pytest.skip("no Docker engine answers")
    if docker("image", "inspect", _IMAGE).returncode:
        pytest.skip("the image is not built: docker build --file docker/Dockerfile --tag pulsa-ledger .")
    return _IMAGE


@pytest.fixture
def container(image: str, new_log: NewLog) -> Iterator[str]:  # noqa: F811
    """A writer on a log of its own, as the image starts one."""
    log = new_log()
    settings = {
        "PULSA_KAFKA": log.bootstrap,
        "PULSA_REGISTRY": log.registry,
        "PULSA_KAFKA_PREFIX": log.prefix,
        "PULSA_KAFKA_PARTITIONS": "1",
    }
    stated = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    fast = ("--health-interval", "1s", "--network", "host")
    made = docker("run", "--rm", "--network", "host", *stated, image, "log", "create")
    assert made.returncode == 0, made.stderr
    started = docker("run", "--detach", *fast, *stated, image)
    assert started.returncode == 0, started.stderr
    yield started.stdout.strip()
    docker("rm", "--force", "--volumes", started.stdout.strip())


def test_the_image_runs_as_nobody_and_says_its_settings(image: str) -> None:
    assert docker("run", "--rm", "--entrypoint", "id", image, "-u").stdout.strip() == "10001"
    shown = json.loads(docker("run", "--rm", "--network", "none", image, "settings", "--json").stdout)
    assert shown["mirrors"]["value"] == "/var/lib/pulsa/mirrors"


def test_a_writer_gets_healthy_and_ready_and_ends_in_order(container: str) -> None:
    told: list[str] = []

    def is_settled() -> bool:
        told.append(docker("inspect", "--format", "{{.State.Health.Status}}", container).stdout.strip())
        return told[-1] in ("healthy", "unhealthy")

    until(is_settled, lambda: docker("logs", container).stderr)
    assert told[-1] == "healthy", docker("logs", container).stderr
    until(lambda: docker("exec", container, "python3", "-c", _IS_READY).returncode == 0)
    docker("stop", "--time", "30", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"


def test_what_containers_are_told_to_do_is_understood() -> None:
    image = (_ROOT / "docker" / "Dockerfile").read_text("utf-8")
    compose = (_ROOT / "docker" / "compose.yaml").read_text("utf-8")
    told = re.findall(r"^(?:CMD|    command:) (\[.+\])$", image + compose, re.MULTILINE)
    assert len(told) == 6
    for words in told:
        understood(json.loads(words))


def test_liveness_is_not_judged_by_the_figures() -> None:
    image = (_ROOT / "docker" / "Dockerfile").read_text("utf-8")
    assert "9464/healthz" in image
    assert "9464/metrics" not in image
    compose = (_ROOT / "docker" / "compose.yaml").read_text("utf-8")
    ours = re.findall(r"    <<: \*ledger\n    command: (.+)\n", compose)
    assert len(ours) == 5
    assert all('"--metrics", "0.0.0.0:9464"' in command for command in ours)
    assert "disable" not in compose


def test_the_compose_file_is_accepted() -> None:
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("docker-compose is not installed")
    file = str(_ROOT / "docker" / "compose.yaml")
    done = subprocess.run(
        [compose, "--file", file, "config", "--services"],
        env=os.environ | {"POSTGRES_PASSWORD": "any"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours = {"writer-1", "writer-2", "clock", "projections", "preferences"}
    assert set(done.stdout.split()) == {"kafka", "registry", "postgres"} | ours
