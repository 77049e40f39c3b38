"""Plans, reports and simulations of experiments as tables for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from homespun.protocol.experiment.definition import MOST_PEOPLE
from homespun_server.experiments.plots import parts
from homespun_server.experiments.power import Planned, Power
from homespun_server.experiments.result import Comparison, ExperimentReport
from homespun_server.experiments.verdict import Verdict
from homespun_server.experiments.verification import Setting, Share
from homespun_server.experiments.words import plan_text

_COLOURS = {"better": "green", "worse": "red", "open": "yellow"}


def plan_view(found: Planned, cap: float) -> RenderableType:
    """Lay out a plan; effects are shown relative to the base, and absolute in the measure's unit."""
    shown: list[RenderableType] = [_facts(found, cap), _alternatives(found)]
    colour = "green" if found.enough else "yellow"
    shown.append(Panel(plan_text(found), title="Enough" if found.enough else "Too small", border_style=colour))
    each = found.request.people // found.request.windows
    if each > MOST_PEOPLE:
        text = f"{each:,} people a window do not fit into one task ({MOST_PEOPLE:,}): plan more windows."
        shown.append(Panel(text, title="Mind", border_style="yellow"))
    return Group(*shown)


def _facts(found: Planned, cap: float) -> Table:
    request, this = found.request, found.this
    table = Table(title="Plan", show_header=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_row("exposed people who report", f"{request.people:,} in {request.variants} variants")
    table.add_row("windows, other people in each", str(request.windows))
    table.add_row("looks", "at every window" if request.sequential else "one, at the end")
    table.add_row("ε of a report", "without noise" if request.epsilon is None else f"{request.epsilon:g}")
    table.add_row("numbers of a variant", str(request.cells))
    table.add_row("noise in a released number of a window, in people", f"±{found.noise:.3g}")
    table.add_row("what people have now", f"{request.base * cap:.4g}")
    table.add_row("least effect that matters", f"{request.effect / request.base:.1%} = {request.effect * cap:.3g}")
    table.add_row("least effect that these people show", _effect(this, found, cap))
    table.add_row("  without noise", _effect(found.exact, found, cap))
    table.add_row("people who are lost to the noise", f"{found.lost:.0%}")
    table.add_row("people who would be enough", "none are" if found.needed is None else f"{found.needed:,}")
    return table


def _effect(power: Power, found: Planned, cap: float) -> str:
    if power.effect is None:
        return "none"
    return f"{power.effect / found.request.base:.1%} = {power.effect * cap:.3g}"


def _alternatives(found: Planned) -> Table:
    people = sorted({each.people for each in found.table})
    table = _table(
        "Least effect that is shown, in percent of what people have now",
        "At other ε, and without noise (none). –: no effect is shown.",
        ("ε", *(f"{count:,} people" for count in people)),
    )
    for epsilon in dict.fromkeys(each.epsilon for each in found.table):
        effects = {each.people: each.effect for each in found.table if each.epsilon == epsilon}
        cells = (_percent(effects[count], found.request.base) for count in people)
        table.add_row("none" if epsilon is None else f"{epsilon:g}", *cells)
    return table


def _percent(effect: float | None, base: float) -> str:
    return "–" if effect is None else f"{effect / base:.1%}"


def report_view(report: ExperimentReport) -> RenderableType:
    """Lay out a report."""
    shown: list[RenderableType] = [_people(report)]
    if not report.mismatch.broken:
        shown.append(_metrics(report.comparisons))
    for variant, verdict in report.verdicts.items():
        colour = "red" if verdict is Verdict.BROKEN else _COLOURS[verdict.word]
        shown.append(Panel(report.texts[variant], title=f"{variant}: {verdict}", border_style=colour))
    if any(epsilon is None for epsilon in report.epsilon):
        text = "A release has no noise: these figures are exact sums about people, and must not leave you."
        shown.append(Panel(text, title="Non-private", border_style="red"))
    shown += list(report.notes)
    return Group(*shown)


def _people(report: ExperimentReport) -> Table:
    mismatch = report.mismatch
    table = _table(
        f"{report.experiment}: exposed people, {report.windows} windows",
        f"Intervals are the noise's. p = {mismatch.p:.3g} if the shares are right; broken below "
        f"{mismatch.threshold:.2g}.",
        ("variant", "people", "interval", "should have"),
    )
    for each in report.counted:
        low, high = each.people.low or 0.0, each.people.high or 0.0
        table.add_row(each.variant, f"{each.people.value or 0:,.0f}", f"{low:,.0f} to {high:,.0f}", f"{each.share:.1%}")
    return table


def _metrics(comparisons: Sequence[Comparison]) -> Table:
    table = _table(
        "Beside the control",
        "With the deciding intervals. Noise: its part of the uncertainty.",
        ("metric", "has", "control", "difference", "uplift", "noise", "verdict"),
        wrap=True,
    )
    for each in comparisons:
        noise = "–" if each.noise_share is None else f"{each.noise_share:.0%}"
        own, other = parts(each.own)[0], parts(each.other)[0]
        intervals = ("\n".join(parts(each.difference)), "\n".join(parts(each.relative, percent=True)))
        verdict = f"[{_COLOURS[each.verdict.word]}]{each.verdict}[/]"
        table.add_row(f"{each.metric.name},\n{each.variant}", own, other, *intervals, noise, verdict)
    return table


def verification_view(setting: Setting, shares: Sequence[Share]) -> RenderableType:
    """Lay out how often the analysis was right."""
    epsilon = "without noise" if setting.epsilon is None else f"at ε = {setting.epsilon:g}"
    table = _table(
        f"{setting.trials:,} simulated experiments of {setting.people:,} people {epsilon}",
        "± what chance in so many experiments explains (99%). Where the noise allowed no interval, that counts as "
        "holding the truth. What promises nothing is there to compare with.",
        ("", "share", "±", "promised", "no interval", ""),
    )
    for group in dict.fromkeys(each.group for each in shares):
        table.add_section()
        table.add_row(f"[bold]{group}[/]")
        for each in shares:
            if each.group == group:
                table.add_row(*_row(each))
    return table


def _row(share: Share) -> tuple[str, ...]:
    sort = "" if share.promise == "just" else f"{share.promise} "
    return (
        f"  {share.what}",
        f"{share.share:.1%}",
        f"{share.error:.1%}",
        "–" if share.promised is None else f"{sort}{share.promised:.0%}",
        f"{share.without:.0%}" if share.without else "",
        {True: "kept", False: "[red]NOT KEPT[/]", None: ""}[share.kept],
    )


def _table(title: str, caption: str, headings: Sequence[str], *, wrap: bool = False) -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        whole = not wrap and (place > 0 or heading == "ε")
        table.add_column(heading, justify="right" if place else "left", no_wrap=whole, overflow="fold")
    return table
