"""The parts of the benchmark, by the names that they are run under."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.models import circumstances, costs, following, later, newcomers, proposing, tastes
from benchmarks.models.part import Part
from benchmarks.ranking import effects, faithful, onboarding, prequential

PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "models-ml1m-strong": tastes.ml1m,
        "models-ml1m-next": following.ml1m,
        "models-apps-private": tastes.apps_private,
        "models-ml1m-private": tastes.ml1m_private,
        "models-movietweetings-temporal": later.movietweetings,
        "models-retail-temporal": later.retail,
        "models-frappe-context": circumstances.frappe,
        "models-cold-items": newcomers.cold_items,
        "models-cold-users": newcomers.cold_users,
        "models-proposals": proposing.run,
        "models-fit-cost": costs.run,
        "ranking-films": prequential.films,
        "ranking-retail": prequential.retail,
        "ranking-onboarding": onboarding.films,
        "effects-films": effects.films,
        "effects-retail": effects.retail,
        "effects-frappe": effects.frappe,
        "ranking-faithful": faithful.films,
    }
)
