"""Changing what devices are offered, from a route or a page: recorded before it is done, and once more if it failed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from homespun.errors import HomespunError, MisuseError
from homespun_server.api.problem import ClientError
from homespun_server.api.services import Services
from homespun_server.store import Actor

T = TypeVar("T")


def allowed(change: Callable[[], T]) -> T:
    """Make a change that is about numbers and words of the client's alone, so that it may be told why it is refused.

    Raises:
        ClientError: If it is refused.
    """
    try:
        return change()
    except MisuseError as error:
        raise ClientError(str(error), status_code=409) from error


@contextmanager
def recorded(
    services: Services, actor: Actor, action: str, channel: str, detail: Mapping[str, object]
) -> Iterator[None]:
    """Record a change of a channel, then let it be made, and record if it failed.

    Args:
        services: Where is recorded.
        actor: Who changes.
        action: What is done.
        channel: To which channel.
        detail: What else belongs to it.
    """
    services.audit.add(actor, action, channel, detail)
    try:
        yield
    except (HomespunError, ClientError, OSError) as error:
        services.audit.add(actor, f"{action} failed", channel, {"error": type(error).__name__})
        raise
