"""Recommendations and their reasons: ``demo``, ``recommend`` and ``explain``."""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import msgspec

from homespun.cli.opening import bundle_of, person_of, policy_of
from homespun.cli.output import say
from homespun.consent import Notice, Purpose
from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.personalizer import Personalizer, Recommendation
from homespun.profile import Key
from homespun.protocol.policy import Policy

_DEMO_LIKES = ("tt0133093", "tt1375666", "tt0468569")
_DEMO_NOTICE = Notice("This demonstration keeps three films in memory until it ends.")
_FIELDS = ("item", "title", "score", "reason", "personalized")


def demo(options: argparse.Namespace) -> None:
    """Recommend and explain for somebody made up."""
    with closing(bundle_of(options)) as bundle, _of_likes(bundle, _demo_likes(bundle)) as me:
        say(f"{bundle.manifest.name}: {bundle.manifest.items:,} items. {bundle.privacy.statement}")
        say("\nSomebody who liked " + ", ".join(bundle.title(event.item) for event in me.events()) + " may like:\n")
        recommended = me.recommend(options.k)
        _say_list(recommended)
        say(f"\nWhy {recommended[0].title}? Its score is exactly the sum of:\n")
        say(me.explain(recommended[0]).table())
        say("\nThe profile was in memory only and is gone now.")


def recommend(options: argparse.Namespace) -> None:
    """List the best items."""
    with _person(options) as me:
        recommended = me.recommend(options.k)
    if options.json:
        say(json.dumps([{name: getattr(entry, name) for name in _FIELDS} for entry in recommended], indent=2))
    else:
        _say_list(recommended)


def explain(options: argparse.Namespace) -> None:
    """Take an item's score apart."""
    with _person(options) as me:
        explanation = me.explain(options.item)
    if options.json:
        say(msgspec.json.format(explanation.json(), indent=2).decode())
        return
    say("\n".join([f"{explanation.title}: {explanation.reason}", *explanation.moves, ""]))
    say(explanation.table(options.rows))


@contextmanager
def _person(options: argparse.Namespace) -> Iterator[Personalizer]:
    """The profile that was named, or one in memory that likes what was named."""
    if options.profile is not None:
        with person_of(options) as me:
            yield me
        return
    with closing(bundle_of(options)) as bundle:
        unknown = [item for item in options.liked if item not in bundle]
        if unknown:
            raise MisuseError(f"the bundle has no item {unknown[0]!r}; --liked takes ids such as {bundle.items[0]!r}.")
        with _of_likes(bundle, options.liked, policy_of(options)) as me:
            yield me


def _of_likes(bundle: Bundle, likes: Sequence[str], policy: Policy | None = None) -> Personalizer:
    me = Personalizer.open(None, key=Key.ephemeral(), bundle=bundle, policy=policy)
    if likes:
        me.consent.grant(Purpose.DEVICE_STORAGE, Purpose.PERSONALIZATION, notice=_DEMO_NOTICE, surface="command line")
    for item in likes:
        me.record(item, "like")
    return me


def _demo_likes(bundle: Bundle) -> list[str]:
    """Three items that any bundle has, the same ones each time."""
    known = [item for item in _DEMO_LIKES if item in bundle]
    return known or list(bundle.items[:: max(1, len(bundle.items) // 3)][:3])


def _say_list(recommended: Sequence[Recommendation]) -> None:
    width = max((len(entry.title) for entry in recommended), default=0)
    for rank, entry in enumerate(recommended, start=1):
        say(f"{rank:>3}. {entry.title:<{width}}  {entry.score:+.4f}  {entry.reason}")
