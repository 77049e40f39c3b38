"""Answers, and the headers that each one has. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from homespun.protocol.read_only import ReadOnlyDict

HEADERS: Final[Mapping[str, str]] = ReadOnlyDict(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # Without the origin in forms' requests, which no-referrer would take away, other pages' were not told apart.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
"""On every answer, whatever it says."""

SEE_OTHER: Final = 303
"""Go on by asking for another page."""

PAGE: Final = "text/html; charset=utf-8"
STYLE: Final = "text/css; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
ICON: Final = "image/svg+xml"
TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        body: Its content.
        kind: Its media type.
        status: Its status.
        headers: What it has beside HEADERS.
    """

    body: bytes
    kind: str = PAGE
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=ReadOnlyDict)


def refusal(status: int, why: str) -> Answer:
    """Return an answer that says no, and nothing of whose page this is."""
    return Answer(f"{why}\n".encode(), TEXT, status)


def alone(style: str) -> Mapping[str, str]:
    """Return the policy of content of a page that fetches nothing, and looks as this style in it says."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    return ReadOnlyDict({"Content-Security-Policy": policy})


def see(address: str) -> Answer:
    """Return what leads to another page, as after every form."""
    return Answer(b"", TEXT, SEE_OTHER, ReadOnlyDict({"Location": address}))


def download(body: bytes, kind: str, name: str) -> Answer:
    """Return a file to keep; ``name`` is ours and needs no escaping."""
    return Answer(body, kind, headers=ReadOnlyDict({"Content-Disposition": f'attachment; filename="{name}"'}))
