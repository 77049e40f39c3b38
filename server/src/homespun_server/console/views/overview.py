"""What needs somebody's attention, most urgent first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from homespun.errors import HomespunError
from homespun_server.api.health import readiness
from homespun_server.api.roles import may
from homespun_server.api.services import Services
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.details import Reminder
from homespun_server.console.desk import Desk
from homespun_server.console.sessions import Visitor
from homespun_server.console.views.budget import Balance, balances
from homespun_server.console.views.rollout import ChannelView, channel_views
from homespun_server.console.words import left, plain
from homespun_server.privacy.ledger.report import figure

Level = Literal["act", "watch", "well"]

NEARLY_SPENT = 0.2
"""A budget of which less than this share is left is worth a look."""

MONTH_SECONDS = 30 * 86_400.0
"""Signatures of people's keys are worth a look this long before they end: people have to be found."""

SOON_DAYS = 7

NAMED = 5
"""Requests that the overview names one by one."""

MOST_DUE = 200
"""Requests that it counts."""

_ORDER: dict[Level, int] = {"act": 0, "watch": 1, "well": 2}

_BY_PEOPLE = frozenset({"root", "targets"})


@dataclass(frozen=True)
class Matter:
    """Something that is well, or is not.

    Attributes:
        level: ``act``: somebody has to do something; ``watch``: soon; ``well``: nothing.
        title: What it is about.
        text: How it is.
        path: Where more is told; empty: nowhere.
    """

    level: Level
    title: str
    text: str
    path: str = ""


@dataclass(frozen=True)
class Overview:
    """What the first page shows.

    Attributes:
        matters: What is well, or is not, most urgent first.
        balances: What is left of each budget.
        channels: What devices are offered.
    """

    matters: tuple[Matter, ...]
    balances: tuple[Balance, ...]
    channels: tuple[ChannelView, ...]

    @property
    def pressing(self) -> int:
        """How many matters need somebody now."""
        return sum(matter.level == "act" for matter in self.matters)


def overview(desk: Desk, visitor: Visitor) -> Overview:
    """Return what needs attention.

    Raises:
        StoreError: If the store cannot be read.
    """
    services = desk.services
    kept, channels = balances(services), channel_views(services)
    matters = [
        *_service(services),
        *_signatures(services),
        *_budgets(kept),
        *_rollouts(channels),
        *_compliance(desk, visitor),
        *_sign_ins(visitor),
    ]
    return Overview(tuple(sorted(matters, key=lambda matter: _ORDER[matter.level])), kept, channels)


def _service(services: Services) -> Iterator[Matter]:
    found = readiness(services)
    if not found.repository:
        yield Matter("act", "Signed repository", "It cannot be read, or is not as its publisher left it.")
    elif found.timestamp != "valid":
        yield Matter(
            "act", "Timestamp", f"The repository's timestamp is {found.timestamp}: devices refuse what is old."
        )


def _signatures(services: Services) -> Iterator[Matter]:
    now = services.now()
    try:
        expiries = services.repository.expiries()
    except (HomespunError, OSError):
        return
    soon = {name: at for name, at in expiries.items() if (at - now).total_seconds() <= _notice(services, name)}
    for name, at in soon.items():
        ended = at <= now
        yield Matter(
            "act" if ended else "watch",
            f"Signature of {name}",
            f"It {'ended' if ended else 'ends'} {left(at, now)}; devices refuse a role that has expired.",
        )
    if not soon:
        first = min(expiries.items(), key=lambda each: each[1])
        yield Matter(
            "well", "Signatures", f"All {len(expiries)} hold; {first[0]} is the next to end, {left(first[1], now)}."
        )


def _notice(services: Services, name: str) -> float:
    return MONTH_SECONDS if name in _BY_PEOPLE else services.settings.service.ready_seconds


def _budgets(kept: Iterable[Balance]) -> Iterator[Matter]:
    for balance in kept:
        path = f"/console/budget?set={balance.name}"
        title = f"Privacy budget of {balance.name}"
        if balance.damaged:
            yield Matter("act", title, "The ledger is damaged: what was spent cannot be told, so nothing can be spent.")
        elif balance.left_share is None:
            yield Matter("well", title, "It is only counted; nothing limits it.", path)
        elif balance.left_share <= 0:
            yield Matter("watch", title, "Nothing is left in this period; a new round would be refused.", path)
        else:
            level: Level = "watch" if balance.left_share < NEARLY_SPENT else "well"
            yield Matter(level, title, f"ε = {figure(balance.left)} is left {balance.per}.", path)


def _rollouts(channels: Iterable[ChannelView]) -> Iterator[Matter]:
    for channel in channels:
        path = f"/console/rollout#{channel.anchor}"
        if channel.off is not None:
            yield Matter(
                "act", f"{channel.name} is switched off", f"Devices list what is the same for all: {channel.off}", path
            )
        paused = [release.number for release in channel.releases if release.paused and release.offered]
        if paused:
            listed = ", ".join(map(str, paused))
            yield Matter("watch", f"{channel.name} is paused", f"No further device takes release {listed}.", path)


def _compliance(desk: Desk, visitor: Visitor) -> Iterator[Matter]:
    found = desk.compliance
    if found is None:
        text = (
            "There are no compliance keys, or the service was given no passphrase: no consent ledger, requests or "
            "transparency log. Make them with homespun-server compliance init."
        )
        yield Matter("watch", "Compliance", text)
        return
    if desk.services.replayed.failure is not None:
        text = (
            "A restore may have brought people back who were erased, and they could not be erased again everywhere. "
            "Nothing about people is shown or taken until then; the service's log says what is in the way."
        )
        yield Matter("act", "Erased people", text)
        return
    if may(visitor.role, "read-requests"):
        due = found.requests.requests.due(within_days=SOON_DAYS, limit=MOST_DUE)
        yield from _requests(due, desk.services.now())
    yield _log(found.log)


def _requests(due: Sequence[Reminder], now: datetime) -> Iterator[Matter]:
    path = "/console/requests"
    for each in due[:NAMED]:
        when = left(datetime.fromisoformat(each.deadline), now)
        text = f"To {each.what} until {each.deadline[:10]}, {when}."
        title = f"Request {each.request.id[:8]}: {plain(each.request.kind)}"
        yield Matter("act" if each.overdue else "watch", title, text, f"{path}/{each.request.id}")
    if len(due) > NAMED:
        more = f"{MOST_DUE}+" if len(due) == MOST_DUE else str(len(due))
        level: Level = "act" if due[NAMED].overdue else "watch"
        yield Matter(level, "Deadlines", f"{more} requests in all are due within {SOON_DAYS} days, or late.", path)
    if not due:
        yield Matter("well", "Deadlines", f"No request is late, or due within {SOON_DAYS} days.", path)


def _log(log: TransparencyLog) -> Matter:
    refusal = log.refusal()
    if refusal is not None:
        text = f"Nothing is added to it, so no consent or request is taken in: {refusal}"
        return Matter("act", "Transparency log", text, "/console/log")
    size, signed = log.size(), log.last_checkpoint()
    last = signed.size if signed else 0
    if size > last:
        text = f"{size - last:,} of {size:,} entries are under no signed checkpoint yet."
        return Matter("watch", "Transparency log", text, "/console/log")
    return Matter("well", "Transparency log", f"All {size:,} entries are under a signed checkpoint.", "/console/log")


def _sign_ins(visitor: Visitor) -> Iterator[Matter]:
    if visitor.failures:
        times = "once" if visitor.failures == 1 else f"{visitor.failures} times"
        text = f"Signing in with your name failed {times} before this session. If that was not you, tell an operator."
        yield Matter("watch", "Failed sign-ins", text)
