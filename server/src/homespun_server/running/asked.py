"""What a run was asked, and what it is made from: everything that decides about keys."""

from dataclasses import dataclass

from homespun_server.learning import FitOptions
from homespun_server.running.options import Files
from homespun_server.running.overrides import Override
from homespun_server.running.settings import Pipeline


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What keys are made from.

    Attributes:
        pipeline: The pipeline.
        files: Its inputs.
        options: The fit's.
        code: Versions that results may depend on.
        overrides: Gates that somebody lets pass.
        parent: The identity of the channel's bundle; None: none.
    """

    pipeline: Pipeline
    files: Files
    options: FitOptions
    code: dict[str, str]
    overrides: tuple[Override, ...] = ()
    parent: str | None = None
