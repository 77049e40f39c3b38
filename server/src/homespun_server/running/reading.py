"""Reads ``pipeline.toml`` and refuses what means nothing, before anything is read or spent."""

import tomllib
from pathlib import Path

import msgspec

from homespun.errors import ChannelError, MisuseError
from homespun.protocol.channel import check_channel_name
from homespun_server.errors import PrivacyParameterError
from homespun_server.running.settings import Pipeline

_PRODUCTION = "production"


def read_pipeline(path: Path) -> Pipeline:
    """Read a pipeline's file.

    Raises:
        MisuseError: If it cannot be read, a key is unknown or out of range, or keys contradict each other; the message
            names the place.
        PrivacyParameterError: If it does not say what privacy is wanted.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise MisuseError(f"{path} cannot be read: {error}. Name the pipeline's TOML file.") from error
    return parse_pipeline(content, str(path))


def parse_pipeline(content: dict[str, object], name: str) -> Pipeline:
    """Return what a pipeline's file says; raises what ``read_pipeline`` does.

    Args:
        content: As TOML is read.
        name: What errors call the file.
    """
    try:
        pipeline = msgspec.convert(_without_false(content), Pipeline)
    except msgspec.ValidationError as error:
        raise MisuseError(f"{name}: {error}. docs/reference/pipeline.md has every key.") from error
    try:
        check_channel_name(pipeline.channel)
    except ChannelError as error:
        raise MisuseError(f"{name}: channel: {error}") from error
    _check_fit(pipeline, name)
    _check_publish(pipeline, name)
    return pipeline


def _without_false(content: dict[str, object]) -> dict[str, object]:
    """Return the content with None for thresholds that are ``false``: TOML has no word for nothing."""
    gates = content.get("gates")
    if not isinstance(gates, dict):
        return content
    told = {name: None if value is False and name != "claim" else value for name, value in gates.items()}
    return {**content, "gates": told}


def _check_fit(pipeline: Pipeline, name: str) -> None:
    fit = pipeline.fit
    if fit.non_private == (fit.epsilon is not None):
        raise PrivacyParameterError(f"{name}: fit: give either epsilon or non_private = true.")
    if fit.non_private and (fit.delta is not None or fit.metrics_epsilon is not None or pipeline.ledger is not None):
        raise PrivacyParameterError(
            f"{name}: δ, an ε for metrics and a ledger promise nothing without an ε; leave them out, or give an ε."
        )
    if fit.blend is not None and fit.public_blend is not None:
        raise MisuseError(f"{name}: fit: give blend or public_blend, not both.")
    if fit.blend is not None and fit.epsilon is not None:
        raise MisuseError(
            f"{name}: fit.blend: the file may hold exact figures about people, so a bundle with it has no ε to state. "
            "If it was learned on public data, name it as public_blend."
        )
    if pipeline.fit.metrics_epsilon is not None and pipeline.evaluation.max_users is not None:
        raise MisuseError(
            f"{name}: evaluation.max_users: which users are tested would depend on the others, so released figures "
            "would have no bound. Leave it out, or metrics_epsilon."
        )


def _check_publish(pipeline: Pipeline, name: str) -> None:
    if _PRODUCTION in pipeline.gates.non_private_stages:
        raise MisuseError(f"{name}: gates.non_private_stages: production takes no bundle without a guarantee.")
    if pipeline.publish is not None and list(pipeline.publish.shares) != sorted(set(pipeline.publish.shares)):
        raise MisuseError(f"{name}: publish.shares: name each share once, the smallest first.")
