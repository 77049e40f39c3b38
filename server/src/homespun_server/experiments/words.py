"""An experiment's outcome in plain words, for people who do not read intervals."""

from homespun_server.experiments.looks import Method
from homespun_server.experiments.power import Planned
from homespun_server.experiments.result import Comparison, Estimate, ExperimentReport
from homespun_server.experiments.verdict import Verdict

_MOST_NOISE = 0.5

METHODS = {
    Method.FIXED: (
        "Intervals are for one look that was planned before the first release. If somebody looked earlier and could "
        "have stopped, they promise nothing: analyse with a look at every window."
    ),
    Method.MIXTURE: (
        "Intervals are always valid: with the stated probability no look at any window misses the truth, so the "
        "experiment may be stopped at any of them. They hold if no person is in two windows."
    ),
    Method.SPENDING: (
        "Intervals are always valid: with the stated probability no look at any window misses the truth, so the "
        "experiment may be stopped at any of them. They hold even if people are in several windows, and are wide "
        "because nothing is known of how their windows go together."
    ),
}


def notes_of(method: Method, *, repeating: bool, windows: int) -> tuple[str, ...]:
    """Return what a reader has to know of a report.

    Args:
        method: How deciding intervals are made.
        repeating: Whether one person may be in several windows.
        windows: How many were released.
    """
    return (
        METHODS[method],
        "All intervals hold the noise that protects people as well as chance in who took part.",
        "Means are per exposed person"
        + (" and window, because one person may be in several" if repeating and windows > 1 else "")
        + ". What counts of one person is capped, so they are means of what is left under the caps.",
    )


def text_of(report: ExperimentReport, variant: str) -> str:
    """Return what is said of a variant."""
    if report.mismatch.broken:
        return (
            f"Broken: people are not divided over the variants as they should be (p = {report.mismatch.p:.2g}), so "
            "something else than chance decides who is counted. No comparison means anything; find out why first."
        )
    (primary,) = (each for each in report.comparisons if each.role == "primary" and each.variant == variant)
    harmed = [
        each.metric.name
        for each in report.comparisons
        if each.role == "guardrail" and each.variant == variant and each.verdict is Verdict.WORSE
    ]
    warning = f" But {', '.join(harmed)} got worse." if harmed else ""
    return _primary(report, primary) + warning


def _primary(report: ExperimentReport, found: Comparison) -> str:
    name, who = found.metric.name, f"{found.variant} beside {found.control}"
    match found.verdict:
        case Verdict.BETTER | Verdict.WORSE:
            return f"{who}: {name} is {found.verdict}, {_spread(found)}."
        case Verdict.NO_DIFFERENCE:
            return (
                f"{who}: no difference in {name} was shown. The interval of {_signed(found.difference)} holds 0, and "
                f"excludes one of {_percent(found)} ({found.effect or 0:.3g}) up and down."
            )
        case _:
            this = _for_this_epsilon(report, found)
            return f"{who}: not enough data{this} to tell about {name}. {_needed(report, found)}"


def _for_this_epsilon(report: ExperimentReport, found: Comparison) -> str:
    share = found.noise_share
    if share is None or share <= _MOST_NOISE or all(epsilon is None for epsilon in report.epsilon):
        return ""
    stated = sorted({round(epsilon, 3) for epsilon in report.epsilon if epsilon is not None})
    return f" for this ε ({', '.join(f'{each:g}' for each in stated)})"


def _needed(report: ExperimentReport, found: Comparison) -> str:
    if found.effect is None or found.enough is None:
        return (
            "The noise hides how many people there are, or what the control has, so nobody can say how many would "
            "be enough: plan with a larger ε or many more people."
        )
    share = "" if found.noise_share is None else f" {found.noise_share:.0%} of the uncertainty is noise."
    if found.enough <= sum(each.people.value or 0 for each in report.counted):
        return (
            f"The interval holds 0 as well as a difference of {_percent(found)}, though there are as many people as "
            f"mostly show such a difference. More of them narrow it.{share}"
        )
    return f"For a difference of {_percent(found)} about {found.enough:,} exposed people would be enough.{share}"


def _percent(found: Comparison) -> str:
    return (
        f"{found.metric.effect:.3g} times the control's" if found.metric.effect >= 1 else f"{found.metric.effect:.1%}"
    )


def _spread(found: Comparison) -> str:
    if found.relative.low is None:
        return f"by {_signed(found.difference)}"
    return f"by {_signed(found.relative, percent=True)}"


def _signed(one: Estimate, *, percent: bool = False) -> str:
    def text(value: float | None) -> str:
        if value is None:
            return "?"
        return f"{value:+.1%}" if percent else f"{value:+.3g}"

    return f"{text(one.value)} ({text(one.low)} to {text(one.high)})"


def plan_text(found: Planned) -> str:
    """Return whether a fleet is large enough for what is planned, and which one would be."""
    request, this = found.request, found.this
    wanted = f"an effect of {request.effect / request.base:.1%}"
    noise = "" if request.epsilon is None else f" at ε = {request.epsilon:g}"
    if found.enough:
        return f"{request.people:,} people are enough{noise}: they show {wanted} with a power of {request.power:.0%}."
    shown = (
        "no effect at all: the noise hides how many people there are"
        if this.effect is None
        else f"effects from {this.effect / request.base:.1%} on"
    )
    why = " for this ε" if request.epsilon is not None and found.exact_enough else ""
    small = f"This fleet is too small{why}. {request.people:,} people show {shown}{noise}."
    if found.needed is None:
        return f"{small} No number of people shows {wanted}."
    without = "" if request.epsilon is None else f"; without noise {found.needed_exact or 0:,}"
    return f"{small} For {wanted} about {found.needed:,} people would do{without}."
