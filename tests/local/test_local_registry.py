"""The schema registry of this machine, as its clients see it."""

import json
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ledger.local.process import ServerFailed
from ledger.local.schema_registry import LocalRegistry
from tests.waiting import PATIENCE

SUBJECT = "ledger.prepaid.CreditToppedUp"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    with LocalRegistry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def ask(
    registry: LocalRegistry, method: str, path: str, body: dict[str, str] | None = None
) -> dict[str, Any]:
    """Ask and return the answer, which says so itself (`error_code`) when it is a refusal."""
    api = urlsplit(registry.url)
    with closing(HTTPConnection(api.netloc, timeout=PATIENCE)) as connection:
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        connection.request(method, api.path + path, json.dumps(body) if body else None, headers)
        answer: dict[str, Any] = json.load(connection.getresponse())
    return answer


def schema(*fields: dict[str, Any]) -> dict[str, str]:
    namespace, name = SUBJECT.rsplit(".", 1)
    record = {"type": "record", "namespace": namespace, "name": name, "fields": list(fields)}
    return {"schema": json.dumps(record), "schemaType": "AVRO"}


AMOUNT = {"name": "amount", "type": "long"}


def test_a_subject_is_fully_compatible_from_its_first_version_on(registry: LocalRegistry) -> None:
    ask(registry, "PUT", f"/config/{SUBJECT}", {"compatibility": "FULL_TRANSITIVE"})
    first = ask(registry, "POST", f"/subjects/{SUBJECT}/versions", schema(AMOUNT))
    assert ask(registry, "GET", f"/schemas/ids/{first['id']}")["schema"] == schema(AMOUNT)["schema"]
    required = {"name": "channel", "type": "string"}
    refusal = ask(registry, "POST", f"/subjects/{SUBJECT}/versions", schema(AMOUNT, required))
    assert refusal["error_code"] == HTTPStatus.CONFLICT
    optional = required | {"default": ""}
    assert (
        ask(registry, "POST", f"/subjects/{SUBJECT}/versions", schema(AMOUNT, optional))["id"] != first["id"]
    )


def test_an_acknowledged_schema_keeps_its_id_through_a_kill(registry: LocalRegistry) -> None:
    ids = {}
    for number in range(20):
        subject = f"{SUBJECT}.{number}"
        body = schema(AMOUNT | {"name": f"amount_{number}"})
        ids[subject] = ask(registry, "POST", f"/subjects/{subject}/versions", body)["id"]
    registry.kill()
    assert not registry.is_running
    registry.start()
    assert {subject: ask(registry, "GET", f"/subjects/{subject}/versions/1")["id"] for subject in ids} == ids
    fresh = ask(registry, "POST", f"/subjects/{SUBJECT}.fresh/versions", schema(AMOUNT | {"name": "fresh"}))
    assert fresh["id"] not in ids.values()


def test_a_registry_stopped_and_started_answers_at_the_same_address(registry: LocalRegistry) -> None:
    subject, url = f"{SUBJECT}.kept", registry.url
    made = ask(registry, "POST", f"/subjects/{subject}/versions", schema(AMOUNT | {"name": "kept"}))
    registry.stop()
    registry.start()
    assert registry.url == url
    assert ask(registry, "GET", f"/subjects/{subject}/versions/1")["id"] == made["id"]


def test_a_registry_on_a_taken_port_is_refused(registry: LocalRegistry, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=f"port {registry.port} of 127.0.0.1 is taken"):
        LocalRegistry(tmp_path, port=registry.port).start()
