"""From a pipeline's file to the options of a fit, and to the columns of its tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from homespun.errors import MisuseError
from homespun.protocol.policy import Policy, parse_policy
from homespun.protocol.policy.policy import MAX_BYTES
from homespun_server.learning import FitOptions
from homespun_server.privacy.provenance import Sourced, non_private, public
from homespun_server.running.keys import digest_of_file
from homespun_server.running.settings import Inputs, Pipeline
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.raw import Raw
from homespun_server.training.blend import Blend

_DAY = 86_400

NOT_COUNTED = (
    "name",
    "dimensions",
    "content_dimensions",
    "model_bytes",
    "new_items_every",
    "scorer",
    "kinds",
    "policy",
    "users",
    "chosen_by",
    "learns_blend",
)
"""Options that change nothing of what is counted, so that another value of them releases nothing anew."""


@dataclass(frozen=True)
class Files:
    """The files that a pipeline names.

    Attributes:
        base: What paths are relative to.
        interactions: The table.
        items: The catalogue.
        others: The other ones, by name.
        digests: SHA-256 of all of them, by name.
    """

    base: Path
    interactions: Path
    items: Path
    others: dict[str, Path]
    digests: dict[str, str]


def files_of(pipeline: Pipeline, folder: Path) -> Files:
    """Find and hash the files that a pipeline names.

    Args:
        pipeline: The pipeline.
        folder: What paths are relative to.

    Raises:
        MisuseError: If one cannot be read.
    """
    fit = pipeline.fit
    named = {"policy": fit.policy, "blend": fit.blend, "public_blend": fit.public_blend}
    others = {name: folder / path for name, path in named.items() if path is not None}
    interactions, items = folder / pipeline.inputs.interactions, folder / pipeline.inputs.items
    everything = {"interactions": interactions, "items": items, **others}
    return Files(folder, interactions, items, others, {name: digest_of_file(path) for name, path in everything.items()})


def fit_options(pipeline: Pipeline, files: Files) -> FitOptions:
    """Return the options of the fit.

    Raises:
        MisuseError: If one means nothing, or a file is none.
        PolicyError: If the policy cannot be used.
    """
    fit = pipeline.fit
    blend, source = _blend(files)
    return FitOptions(
        name=pipeline.name,
        min_weight=fit.min_weight,
        test_share=fit.test_share,
        max_items=fit.max_items,
        max_sequence_items=fit.max_sequence_items,
        dimensions=fit.dimensions,
        content_dimensions=fit.content_dimensions,
        parts=fit.parts,
        model_bytes=fit.model_bytes,
        half_lives=tuple(round(_DAY * days) for days in fit.half_lives),
        as_of=fit.as_of,
        contexts=tuple(fit.context_values.items()),
        repeats=fit.repeats,
        archetypes=fit.archetypes,
        new_items_every=fit.new_items_every,
        blend=blend,
        kinds=fit.kinds,
        policy=_policy(files.others.get("policy")),
        users=fit.users,
        chosen_by=() if source is None else (source,),
    )


def counted(options: FitOptions) -> dict[str, object]:
    """Return those options that decide what is counted, as plain data."""
    plain = {name: value for name, value in vars(options).items() if name not in (*NOT_COUNTED, "blend")}
    # Which parts there are depends on whether there is a blend, and on nothing of what it says.
    content: dict[str, object] = msgspec.to_builtins({**plain, "blend": options.blend is not None})
    return content


def interaction_columns(inputs: Inputs) -> InteractionColumns:
    """Return which column of the table is what.

    Raises:
        MisuseError: If the user or the item has no column.
    """
    columns = _roles(inputs.columns, ("user", "item"), "columns")
    return msgspec.structs.replace(InteractionColumns(context=inputs.context), **columns)


def item_columns(inputs: Inputs) -> ItemColumns:
    """Return which column of the catalogue is what.

    Raises:
        MisuseError: If the item has no column.
    """
    columns = _roles(inputs.item_columns, ("item",), "item_columns")
    return msgspec.structs.replace(ItemColumns(attributes=inputs.attributes), **columns)


def _roles(named: Mapping[Any, str], needed: tuple[str, ...], where: str) -> dict[str, str | None]:
    empty = [role for role in needed if named.get(role) == ""]
    if empty:
        raise MisuseError(f"inputs.{where}: {empty[0]} needs a column.")
    return {role: column or None for role, column in named.items()}


def _policy(path: Path | None) -> Policy | None:
    return None if path is None else parse_policy(_content(path, MAX_BYTES + 1), str(path))


def _blend(files: Files) -> tuple[Blend | None, Sourced[object] | None]:
    """Return the blend, and what it comes from: whoever calls it public is believed, and named."""
    for name in ("public_blend", "blend"):
        path = files.others.get(name)
        if path is not None:
            blend = Blend.from_json(_content(path))
            if name == "public_blend":
                return blend, public(blend, f"the blend {path.name}, declared to be learned on public data")
            return blend, non_private(Raw(blend), f"the blend {path.name}")
    return None, None


def _content(path: Path, most: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}. Name the file in the pipeline.") from error
