"""From a draft that people write to the definition that is published: canonical, with a salt of its own.

A draft has the fields of ``homespun.protocol.experiment.Experiment`` with shares and effects as plain numbers, dates as
dates (UTC), and a policy as the name of its file. The rest is passed on as it is, so the definition's own checks hold.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.channel import SHARES
from homespun.protocol.experiment import Experiment

SALT_BYTES = 16


def experiment_of(draft: Mapping[str, Any], salt: bytes, policy: Callable[[str], str]) -> Experiment:
    """Return the definition that a draft describes.

    Args:
        draft: As read from TOML.
        salt: 16 random bytes, which decide who is in which variant; a draft's own ``salt`` comes first.
        policy: Returns the text of a policy by the name of its file.

    Raises:
        MisuseError: If it describes no experiment.
    """
    known = dict(draft)
    try:
        known["variants"] = [_variant(each, policy) for each in known.get("variants", ())]
        known["guardrails"] = [each | {"worst": _plain(each["worst"])} for each in known.get("guardrails", ())]
        known |= {name: _seconds(known[name]) for name in ("starts", "ends")} | {"effect": _plain(known["effect"])}
        return msgspec.convert({"salt": salt.hex()} | known, Experiment)
    except (KeyError, TypeError, ValueError, ArithmeticError, msgspec.ValidationError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MisuseError(f"the draft describes no experiment: {missing}. Nothing was written.") from error


def _variant(given: Mapping[str, Any], policy: Callable[[str], str]) -> dict[str, Any]:
    found = {**given, "share": round(Decimal(str(given["share"])) * SHARES)}
    return found | ({"policy": policy(given["policy"])} if "policy" in given else {})


def _plain(number: object) -> str:
    """Return a number as definitions write it: plain decimal text without needless zeros."""
    text = f"{Decimal(str(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(given: object) -> int:
    """Return a date, a time or seconds as seconds since 1970; what names no zone is UTC."""
    if isinstance(given, datetime):
        return int((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())
    if isinstance(given, date):
        return int(datetime.combine(given, time(), UTC).timestamp())
    return int(str(given))
