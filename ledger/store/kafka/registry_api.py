"""The schema registry's REST API (Confluent's), as far as the log needs it: what was answered, or why nothing was.

Whatever a server, a gateway or the network says for a moment is passing; only what the registry itself refuses is not.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ledger.domain.calendar import SECOND
from ledger.errors import RegistryRefused, RegistryUnreachable, SettingsInvalid
from ledger.store.schemas import RecordSchema

_TIMEOUT = 8.0
"""Seconds that an answer may take."""
LARGEST_ID = 2**31 - 1
"""Ids are Java's ints: a registry that is asked for a larger one answers anything."""
_ANSWER_BYTES = 4 << 20
"""An answer's length at most."""
_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND = 404
_CONFLICT = 409
_PASSING = frozenset({408, 421, 425, 429})
"""What a server says that cannot answer just now, besides its own failures (5xx)."""
_SERVER_FAILS = 500


class RegistryConflict(RegistryRefused):
    """The setting is there already."""


@dataclass(frozen=True)
class RegistryAccess:
    """Where a registry is, and how it is asked: with a password, or a certificate of one's own (PEM files)."""

    url: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        """Without the password."""
        return f"RegistryAccess({self.url!r}, user={self.user!r})"


class Registry:
    """Raises RegistryUnreachable for what may be well again by itself, RegistryRefused for what is not.

    Raises SettingsInvalid where the address is none, or certificates cannot be read.
    """

    def __init__(self, access: RegistryAccess) -> None:
        parts = urllib.parse.urlsplit(access.url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsInvalid("PULSA_REGISTRY: not an address that begins with http:// or https://")
        user = access.user or (None if parts.username is None else urllib.parse.unquote(parts.username))
        password = access.password or urllib.parse.unquote(parts.password or "")
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._login = None if user is None else base64.b64encode(f"{user}:{password}".encode()).decode()
        # Whom the machine trusts takes longer to read than most answers: where nothing is secured, nobody does.
        is_secured = parts.scheme == "https" or access.ca is not None or access.certificate is not None
        secured = [urllib.request.HTTPSHandler(context=_context(access))] if is_secured else []
        self._opener = urllib.request.build_opener(*secured)

    def register(self, subject: str, schema: RecordSchema) -> int:
        """The id of a schema under a subject that is FULL_TRANSITIVE before its first version is there."""
        known = self.look_up(subject, schema)
        if known is not None:
            return known
        self.bind(subject)
        return self.add(subject, schema)

    def bind(self, subject: str) -> None:
        """From here on every version of a subject has to be FULL_TRANSITIVE."""
        name = urllib.parse.quote(subject, safe="")
        with suppress(RegistryConflict):  # another process starts at the same moment, and says the same
            self._call("PUT", f"/config/{name}", {"compatibility": "FULL_TRANSITIVE"})

    def add(self, subject: str, schema: RecordSchema) -> int:
        """The id of a version that is added to a subject, which is bound already."""
        name = urllib.parse.quote(subject, safe="")
        return self._id(self._call("POST", f"/subjects/{name}/versions", {"schema": schema.text}))

    def look_up(self, subject: str, schema: RecordSchema) -> int | None:
        """The id of a schema that is registered under a subject; None where it is not."""
        name = urllib.parse.quote(subject, safe="")
        found = self._call("POST", f"/subjects/{name}", {"schema": schema.text}, missing_is_none=True)
        return None if found is None else self._id(found)

    def schema(self, id_: int) -> RecordSchema | None:
        """The schema of an id; None where there is none, or it is no Avro record."""
        found = self._call("GET", f"/schemas/ids/{id_}", missing_is_none=True)
        if found is None:
            return None
        text = found.get("schema")
        if not isinstance(text, str):
            raise RegistryUnreachable(f"{self.url}: its answer about schema id {id_} holds no schema")
        try:
            return RecordSchema(text)
        except Exception:  # noqa: BLE001 - whatever else a registry keeps under an id
            return None

    def clock(self) -> int | None:
        """What time it is by the registry's machine, in UTC microseconds, to the second; None where it does not say."""
        request = urllib.request.Request(f"{self.url}/subjects")  # noqa: S310 - the address was looked at
        if self._login is not None:
            request.add_unredirected_header("Authorization", f"Basic {self._login}")
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                said = answer.headers.get("Date")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RegistryUnreachable(f"{self.url}: {error}") from error
        try:
            return None if said is None else int(parsedate_to_datetime(said).timestamp()) * SECOND
        except ValueError:
            return None

    def _id(self, found: dict[str, Any]) -> int:
        id_ = found.get("id")
        if type(id_) is not int or not 0 < id_ <= LARGEST_ID:
            raise RegistryUnreachable(f"{self.url}: its answer holds no id")
        return id_

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, missing_is_none: bool = False
    ) -> Any:  # noqa: ANN401 - any JSON object, or None
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address was looked at
            self.url + path, data, {"Content-Type": _TYPE, "Accept": _TYPE}, method=method
        )
        if self._login is not None:
            request.add_unredirected_header("Authorization", f"Basic {self._login}")
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                found = _json(answer.read(_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                said = _said(error)
            if missing_is_none and _is_missing(error.code, said):
                return None
            raise self._refusal(method, path, error.code, said) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RegistryUnreachable(f"{self.url}: {error}") from error
        if not isinstance(found, dict):
            raise RegistryUnreachable(f"{self.url}: {method} {path} was answered with no JSON object")
        return found

    def _refusal(
        self, method: str, path: str, status: int, said: bytes
    ) -> RegistryRefused | RegistryUnreachable:
        text = f"{method} {self.url}{path}: {status} {said[:500].decode('utf-8', 'replace')}"
        if status in _PASSING or status >= _SERVER_FAILS:
            return RegistryUnreachable(text)
        if status == _NOT_FOUND and not _is_missing(status, said):
            return RegistryUnreachable(f"{text} (no schema registry answers so)")
        if status == _CONFLICT and method == "PUT":
            return RegistryConflict(text)
        return RegistryRefused(text)


def _json(said: bytes) -> Any:  # noqa: ANN401 - any JSON
    """What an answer says. Raises ValueError."""
    try:
        return json.loads(said)
    except RecursionError:
        raise ValueError("its answer is nested too deeply") from None


def _said(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _is_missing(status: int, said: bytes) -> bool:
    """Whether the registry says that it has no such thing: a gateway's 404, without the API's code, says nothing."""
    if status != _NOT_FOUND:
        return False
    try:
        code = _json(said)["error_code"]
    except (ValueError, TypeError, LookupError):
        return False
    return isinstance(code, int) and str(code).startswith(str(_NOT_FOUND))


def _context(access: RegistryAccess) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=access.ca)
        if access.certificate is not None:
            context.load_cert_chain(access.certificate, access.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(
            f"PULSA_REGISTRY_CA, PULSA_REGISTRY_CERTIFICATE, PULSA_REGISTRY_KEY: {error}"
        ) from error
    return context
