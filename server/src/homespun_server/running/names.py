"""What the models of an evaluation are called in a pipeline: by their part in it, and not by their bundles' names."""

import msgspec

from homespun_server.evaluation.result import EvaluationReport

THIS = "this bundle"
INCUMBENT = "the channel's bundle"
POPULARITY = "popularity"


def renamed(report: EvaluationReport) -> tuple[EvaluationReport, dict[str, str]]:
    """Return the report with the names of this module, and which names they stand for.

    The last of the report's bundles is this one; one before it is the channel's.
    """
    bundles = [model.model for model in report.models if model.role == "bundle"]
    names = {model.model: model.model for model in report.models}
    names.update(zip(bundles, (INCUMBENT, THIS)[-len(bundles) :], strict=True))
    models = tuple(
        msgspec.structs.replace(
            model,
            model=names[model.model],
            leads={names[other]: leads for other, leads in model.leads.items()},
        )
        for model in report.models
    )
    curves = tuple(
        msgspec.structs.replace(
            curve,
            model=names[curve.model],
            points=tuple(
                msgspec.structs.replace(
                    point, ndcg_10={names.get(name, name): found for name, found in point.ndcg_10.items()}
                )
                for point in curve.points
            ),
        )
        for curve in report.cold_users
    )
    return msgspec.structs.replace(report, models=models, cold_users=curves), names
