"""Which role may do what: the one table. A role that is not named for an action may not do it.

Everybody reads. Taking something back (to pause, to roll back, to switch off) is for everybody who acts, so that it
never waits for somebody; giving more to devices is for those who publish and operate. Numbers of consents are for
everybody; what a person said is for compliance alone, and only for a case.

Pure.
"""

from typing import Literal, get_args

from homespun_server.store.tokens import Role

Action = Literal[
    "read",
    "read-changes",
    "move-stage",
    "publish",
    "roll-out",
    "take-back",
    "manage-tokens",
    "read-consent",
    "read-person",
    "read-requests",
    "handle-requests",
]

ACTIONS: tuple[Action, ...] = get_args(Action)

_ALLOWED: dict[Action, frozenset[Role]] = {
    "read": frozenset({"publisher", "operator", "compliance", "auditor"}),
    "read-changes": frozenset({"operator", "compliance", "auditor"}),
    "move-stage": frozenset({"publisher", "operator"}),
    "publish": frozenset({"publisher"}),
    "roll-out": frozenset({"publisher", "operator"}),
    "take-back": frozenset({"publisher", "operator", "compliance"}),
    "manage-tokens": frozenset({"operator"}),
    "read-consent": frozenset({"publisher", "operator", "compliance", "auditor"}),
    "read-person": frozenset({"compliance"}),
    "read-requests": frozenset({"operator", "compliance", "auditor"}),
    "handle-requests": frozenset({"compliance"}),
}


def may(role: Role, action: Action) -> bool:
    """Return whether a role may do something."""
    return role in _ALLOWED[action]
