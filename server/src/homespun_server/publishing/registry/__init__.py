"""The registry of bundles: versions, stages, lineage and comparison, in the operator's store."""

from homespun_server.publishing.registry.comparison import Both, Comparison, Items
from homespun_server.publishing.registry.registry import Registry
from homespun_server.publishing.registry.stages import STAGES, Stage, stage_on
from homespun_server.publishing.registry.version import Details, Move, Version

__all__ = ["STAGES", "Both", "Comparison", "Details", "Items", "Move", "Registry", "Stage", "Version", "stage_on"]
