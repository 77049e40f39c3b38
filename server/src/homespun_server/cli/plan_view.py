"""A plan as tables for a terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from homespun_server.planning.costs import NOISE_MICROSECONDS
from homespun_server.planning.plan import Alternative, Plan, Predicted
from homespun_server.planning.shares import ENOUGH
from homespun_server.planning.universe import UNIVERSE_ERROR

_BAR = 20
"""Characters of a full bar."""

_STEPS = "▏▎▍▌▋▊▉█"


def plan_view(plan: Plan) -> RenderableType:
    """Lay out a plan."""
    return Group(
        _facts(plan),
        _shares(plan),
        *([_predicted(plan)] if plan.predicted else []),
        _costs(plan),
        _losses(plan),
        *([_alternatives(plan)] if plan.predicted else []),
        *(Panel(text, title=title, border_style="yellow") for title, text in _remarks(plan)),
    )


def _facts(plan: Plan) -> Table:
    fleet, request = plan.request.fleet, plan.request
    table = Table(title="Plan", show_header=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_row("users", f"{fleet.users:,}")
    table.add_row("items of the catalogue, all counted", f"{fleet.items:,}")
    table.add_row("different items a person likes", f"{fleet.likes:g}")
    table.add_row("largest universe (--max-items)", f"{fleet.max_items:,}")
    table.add_row(f"items expected to stand out, within a factor of {UNIVERSE_ERROR:g}", f"{plan.universe:,}")
    table.add_row("budget", f"{request.period.unit}, ε = {request.epsilon:g}, δ = {request.delta:g}")
    table.add_row("ρ (zCDP) of it", f"{float(plan.rho):.4g}")
    return table


def _shares(plan: Plan) -> Table:
    table = _table(
        "Split of the budget",
        "σ in units of the most that one person adds. A rule of thumb was not measured.",
        left=("statistic", "why"),
        right=("share of ρ", "σ"),
    )
    for share in plan.shares:
        why = share.why if share.basis == "measured" else f"{share.why} ({share.basis})"
        table.add_row(share.name, why, f"{float(share.share):.1%}", f"{share.noise:.4g}")
    return table


def _predicted(plan: Plan) -> Table:
    table = _table(
        "Expected quality, against the same recipe without noise",
        "Added: (quality − popularity) / (quality without noise − popularity), in NDCG; nine in ten measured points of "
        "data sets that the prediction had not seen lie in the interval, and below 0 counts as 0. Whole: quality / "
        "quality without noise, which depends on how much of it is popularity's. Transitions: a prototype of the "
        "recipe was measured, and data sets differ much.",
        left=("statistic",),
        right=("kept of what it adds to popularity", "interval", "kept of the whole"),
    )
    for one in plan.predicted:
        table.add_row(one.matrix, f"{one.kept.share:.0%}", f"{one.kept.low:.0%}–{one.kept.high:.0%}", _whole(one))
    return table


def _whole(one: Predicted) -> str:
    return f"{one.least_quality:.0%}–{one.most_quality:.0%}"


def _costs(plan: Plan) -> Table:
    fast, slow = NOISE_MICROSECONDS
    table = _table(
        "Cost of a period",
        f"Noise takes {fast}–{slow} µs a number and core. An upload is what a device sends if devices send it: 4 bytes "
        "a number, before encoding.",
        left=("statistic",),
        right=("numbers", "noise on one core", "upload", "memory"),
    )
    for cost in plan.costs:
        noise = _times(cost.least_seconds, cost.most_seconds)
        memory = _bytes(cost.memory_bytes)
        table.add_row(cost.word, f"{cost.numbers:,}", noise, _bytes(cost.upload_bytes), f"about {memory}")
    table.add_section()
    least, most = (sum(getattr(cost, name) for cost in plan.costs) for name in ("least_seconds", "most_seconds"))
    upload = _bytes(sum(cost.upload_bytes for cost in plan.costs))
    table.add_row("together", f"{sum(cost.numbers for cost in plan.costs):,}", _times(least, most), upload)
    return table


def _losses(plan: Plan) -> Table:
    request = plan.request
    table = _table(
        "What adds up",
        f"ε at δ = {request.delta:g}. zCDP adds up over periods; for a person with k devices or ids ρ grows with k².",
        left=("for",),
        right=("ε",),
    )
    for loss in plan.losses:
        who = request.period.unit if loss.periods == 1 else f"user, {request.period.after(loss.periods)}"
        whose = "" if loss.devices == 1 else f", with {loss.devices} devices or ids"
        table.add_row(who + whose, f"ε = {loss.epsilon:.3g}")
    return table


def _alternatives(plan: Plan) -> Table:
    matrices = tuple(one.matrix for one in plan.predicted)
    table = _table(
        "Kept of what is added to popularity, at other ε and with other users",
        None,
        left=("ε", "users"),
        right=(),
    )
    for matrix in matrices:
        table.add_column(matrix, no_wrap=True)
    _add(table, plan.by_epsilon, plan)
    table.add_section()
    _add(table, plan.by_users, plan)
    return table


def _add(table: Table, rows: Sequence[Alternative], plan: Plan) -> None:
    for row in rows:
        this = row.epsilon == plan.request.epsilon and row.users == plan.request.fleet.users
        bars = (f"{_bar(share)} {share:4.0%}" for share in row.kept.values())
        table.add_row(f"{row.epsilon:g}", f"{row.users:,}", *bars, style="bold" if this else None)


def _remarks(plan: Plan) -> Iterator[tuple[str, str]]:
    request = plan.request
    for verdict in plan.too_small:
        kept = f"Less than {ENOUGH:.0%} of what {verdict.matrix} add to popularity would be left."
        yield "Too small", f"too small: {verdict.text(request.fleet, request.epsilon)} {kept}"
    if plan.weak_delta:
        users = request.fleet.users
        yield "Mind", f"δ = {request.delta:g} is not below one in {users:,} users: use a δ well below that."
    if plan.extrapolated:
        yield "Mind", f"Outside what was measured, so less certain than stated: {'; '.join(plan.extrapolated)}."


def _table(title: str, caption: str | None, *, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in left:
        table.add_column(heading)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _bar(share: float) -> str:
    whole, part = divmod(round(share * _BAR * len(_STEPS)), len(_STEPS))
    return ("█" * whole + (_STEPS[part - 1] if part else "")).ljust(_BAR)


def _times(least: float, most: float) -> str:
    if most < 0.1:  # noqa: PLR2004 - nobody waits
        return "under 0.1 s"
    unit, name = (60, "min") if most > 600 else (1, "s")  # noqa: PLR2004 - ten minutes
    return f"{_figure(least / unit)}–{_figure(most / unit)} {name}"


def _figure(value: float) -> str:
    """Return two significant digits, and all that stand before the decimal point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004


def _bytes(count: int) -> str:
    sizes = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
    unit, name = next(((unit, name) for unit, name in sizes if count >= unit), (1, "B"))
    return f"{count / unit:,.3g} {name}"
