"""Every sentence that a reason can be, as templates, which applications replace for another language or voice.

A template is a text with named fields in braces, as ``str.format`` has them; the default one has all fields that there
are, and a template may leave some out. What is told stays what is true: templates choose words, never reasons.
"""

import string
from collections.abc import Mapping
from typing import Any

from homespun.errors import MisuseError
from homespun.protocol.read_only import ReadOnlyDict

REASONS: Mapping[str, str] = ReadOnlyDict(
    {
        "because": "because you {what}",
        "done": "{verb} {title}",
        "done_before": "{verb} it before",
        "done_twice": "{verb} {title} and {other}",
        "and": "{first} and {second}",
        "repeat": "chose it before",
        "habit_more": "choose it more often when {name} is {value}",
        "habit_less": "choose it less often when {name} is {value}",
        "returns": "come back to such things",
        "context": "because {name} is {value}",
        "boosted": "promoted here: {rule}",
        "recent": "added {days} days ago",
        "similar": "because it is like {title}",
        "popular": "popular with everybody",
        "trending": "popular lately",
        "prior": "{name} of the item",
        "catalogue": "from the catalogue",
        "new": "new here",
        "pinned": "placed here: {rule}",
        "reserved": "has a place here: {rule}",
        "kept": "new here, and a place is kept for what is new",
        "explored": "chosen to find out whether you like it",
        "unknown": "{general}; nothing is known about you yet",
        "nothing": "{general}; nothing you did speaks for it",
        "not_personal": "{general}; not personalized, because {refusal}",
        "refused": "you did not allow it",
        "refused_non_profiled": "you chose lists without personal data",
        "refused_restriction": "you restricted the use of your data",
        "refused_objection": "you objected to it",
        "refused_switched_off": "the publisher switched it off",
        "verb": "chose",
        "verb_buy": "bought",
        "verb_click": "clicked",
        "verb_dislike": "disliked",
        "verb_dismiss": "dismissed",
        "verb_hide": "hid",
        "verb_interest": "set your interest in",
        "verb_less_like": "asked for less like",
        "verb_like": "liked",
        "verb_listen": "listened to",
        "verb_more_like": "asked for more like",
        "verb_open": "opened",
        "verb_play": "played",
        "verb_purchase": "bought",
        "verb_rate": "rated",
        "verb_read": "read",
        "verb_save": "saved",
        "verb_skip": "skipped",
        "verb_view": "viewed",
        "verb_watch": "watched",
    }
)
"""The default templates, by name."""


class Wording:
    """Templates, checked once. Immutable."""

    def __init__(self, templates: Mapping[str, str] | None = None) -> None:
        """Take an application's templates; the default ones stand for those that it does not give.

        ``verb_`` and a kind of event names what somebody did, for any kind.

        Raises:
            MisuseError: A name is unknown, or a template has a field that its default does not have.
        """
        if templates is not None and not isinstance(templates, Mapping):
            raise MisuseError(f"templates is of type {type(templates).__name__}; give a mapping from names to texts.")
        given = dict(templates or {})
        for name, template in given.items():
            _check(name, template)
        self._templates = {**REASONS, **given}

    def say(self, name: str, /, **fields: Any) -> str:
        """Return a sentence, or a part of one."""
        return self._templates[name].format(**fields)

    def prior(self, name: str) -> str:
        """Return what speaks for an item with a large value of a prior: ``popular lately`` for ``trend-7d``."""
        if name == "trend" or name.startswith("trend-"):
            return self.say("trending")
        return self.say("popular") if name == "popularity" else self.say("prior", name=name)

    def verb(self, kind: str) -> str:
        """Return what somebody did, by the kind of event."""
        return self._templates.get(f"verb_{kind}") or self._templates["verb"]


def _check(name: str, template: object) -> None:
    is_verb = isinstance(name, str) and name.startswith("verb_")
    if name not in REASONS and not is_verb:
        raise MisuseError(f"there is no template {name!r}; use names of homespun.explain.wording.REASONS.")
    if not isinstance(template, str) or not template:
        raise MisuseError(f"the template {name!r} is of type {type(template).__name__} or empty; give a text.")
    known = _fields(name, REASONS.get(name, ""))
    unknown = _fields(name, template) - known
    if unknown:
        told = ", ".join(sorted(known)) or "none"
        raise MisuseError(f"the template {name!r} has the field {min(unknown)!r}, and may have {told}.")


def _fields(name: str, template: str) -> set[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise MisuseError(f"the template {name!r} cannot be read: {error}; write '{{{{' for a brace.") from error
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise MisuseError(f"the template {name!r} formats a field; give its name alone in braces.")
    return {field for _, field, _, _ in parts if field is not None}


DEFAULT = Wording()
"""English."""
