"""The answer to a request as a file: a ZIP with the person's copy, what was done, what stays, and a manifest.

The manifest names every file with its SHA-256 and how many records it holds. Files have fixed times and no compression
surprises, so that the same content is the same file.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from homespun.protocol.canonical import canonical
from homespun_server.compliance.requests.course import COPIES
from homespun_server.compliance.requests.details import RequestDetails
from homespun_server.compliance.requests.disclosure import Disclosure
from homespun_server.compliance.requests.explaining import Brought, Explaining, said
from homespun_server.compliance.requests.moves import check_explained
from homespun_server.compliance.requests.ports import Connector, Copy
from homespun_server.compliance.requests.requests import Requests
from homespun_server.errors import OutputError
from homespun_server.store import Actor

MANIFEST = "manifest.json"

_EPOCH = (1980, 1, 1, 0, 0, 0)


class Listed(msgspec.Struct, frozen=True):
    """A file of the answer.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        records: How many records it holds.
    """

    sha256: str
    records: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the answer.

    Attributes:
        schema: Version of the answer.
        request: The request's id.
        kind: What was asked for.
        regulation: Under which profile.
        received: When, ISO 8601, UTC.
        due: Until when it was to be answered.
        files: By name.
    """

    schema: int = 1
    request: str
    kind: str
    regulation: str
    received: str
    due: str
    files: dict[str, Listed]


class Exporter:
    """Makes answers."""

    def __init__(
        self,
        requests: Requests,
        connectors: Sequence[Connector],
        disclosed: Callable[[], Disclosure],
        explaining: Explaining,
    ) -> None:
        """Use requests and stores.

        Args:
            requests: The requests.
            connectors: The stores.
            disclosed: Returns what stays in released statistics and models.
            explaining: Makes explanations.
        """
        self._requests, self._connectors, self._disclosed = requests, connectors, disclosed
        self._explaining = explaining

    def answer(self, request: str, actor: Actor, brought: Brought | None = None) -> bytes:
        """Return the answer as a ZIP, and record its SHA-256 and who made it.

        Args:
            request: The request's id.
            actor: Who has it made.
            brought: For a request for an explanation, the records of lists that the person handed over.

        Raises:
            RequestError: The request is not worked on, and not closed either; or it is for a copy, and closed; or it is
                for an explanation, and there is neither one nor a reason.
        """
        details = self._requests.get(request)
        explanation, explained = self._explanation(details, brought or Brought())
        files = {each.name: (each.content, each.records) for each in (*self._copies(details), *explanation)}
        files["effects.json"] = _json(details.effects), len(details.effects)
        files["rules.json"] = _json(details.rules), 1
        files["stays.json"] = _json(self._disclosed()), 1
        content = _zipped(files, _manifest(details, files))
        digest = hashlib.sha256(content).hexdigest()
        self._requests.act(request, "exported", actor, {"sha256": digest, "files": sorted(files), **explained})
        return content

    def write(self, request: str, path: Path, actor: Actor, brought: Brought | None = None) -> None:
        """Write the answer to a new file that only this user may read.

        Raises:
            OutputError: There is such a file, or it cannot be written.
            RequestError: See ``answer``; there is no file then.
        """
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(self._answered(request, path, actor, brought))
        except FileExistsError:
            raise OutputError(f"{path} is there already, and was left alone; name a new file.") from None
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error}. Name another file.") from error

    def _answered(self, request: str, path: Path, actor: Actor, brought: Brought | None) -> bytes:
        try:
            return self.answer(request, actor, brought)
        except BaseException:
            path.unlink()  # an empty file would be taken for an answer, and be in the way of one
            raise

    def _explanation(self, details: RequestDetails, brought: Brought) -> tuple[tuple[Copy, ...], Mapping[str, object]]:
        """Return what explains, and what the event says of it."""
        check_explained(self._requests.course(details.request.id), given=bool(brought.lines))
        if brought.lines:
            copies, found = self._explaining.lists(brought)
            return copies, said(found)
        if details.request.kind != "explanation":
            return (), {}
        reason = [str(each.detail["reason"]) for each in details.timeline if each.what == "unexplained"][-1]
        return self._explaining.none(reason, brought), {}

    def _copies(self, details: RequestDetails) -> tuple[Copy, ...]:
        if details.request.kind not in COPIES:
            return ()
        person = self._requests.person(details.request.id)
        return tuple(copy for each in self._connectors for copy in each.access(person))


def _manifest(details: RequestDetails, files: Mapping[str, tuple[bytes, int]]) -> bytes:
    request = details.request
    return canonical(
        msgspec.to_builtins(
            Manifest(
                request=request.id,
                kind=request.kind,
                regulation=request.regulation,
                received=request.received,
                due=request.due,
                files={
                    name: Listed(hashlib.sha256(content).hexdigest(), records)
                    for name, (content, records) in sorted(files.items())
                },
            )
        )
    )


def _zipped(files: Mapping[str, tuple[bytes, int]], manifest: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in [(MANIFEST, manifest), *((name, files[name][0]) for name in sorted(files))]:
            file.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _json(content: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
