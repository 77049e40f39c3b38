"""Whether the analysis of experiments keeps its promises, with people of whom the truth is known.

Nobody's data are read. Every figure is a share of simulated experiments, ± what chance in so many explains (99%).
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.experiments.verification import ALPHA, POWER, SEED, Setting, Share, verify

PEOPLE = (1000, 4000, 12_000)
EPSILONS = (None, 8.0, 2.0, 1.0, 0.5)
TRIALS = 2000
LOOKS = 8

_GROUPS = {
    "95% interval holds the truth": "Intervals of 95%",
    f"equal variants: a difference at any of {LOOKS} looks": "Differences found between equal variants",
    "sample-ratio mismatch found at 5%": "Sample-ratio mismatch",
    "an effect that is planned to be shown is": "Planned power",
}
_HELD = (
    "Share of experiments whose interval holds the truth. Where the noise allowed no interval, it counts as holding it."
)
_LOOKED = (
    f"Share of experiments in which any of {LOOKS} looks finds a difference that is not there; 5% is promised by the "
    "always-valid intervals, each for the people it is for, and nothing by fixed ones that are looked at early."
)
_FOUND = "Share of experiments in which a test at 5% says that variants have not the shares of people they should have."
_SHOWN = "Share of experiments that show the effect which the plan says is shown with a power of 80%."
_NOTES = (_HELD, _LOOKED, _FOUND, _SHOWN)

Found = dict[tuple[int, float | None], tuple[Share, ...]]


def run(workspace: Workspace) -> list[Section]:
    """Coverage, false alarms under looking, sample-ratio mismatch and power, at several ε and numbers of people."""
    settings = [(people, epsilon) for people in PEOPLE for epsilon in EPSILONS]
    found: Found = {}
    for done, (people, epsilon) in enumerate(settings, start=1):
        found[people, epsilon] = verify(
            Setting(people=people, epsilon=epsilon, windows=LOOKS, trials=TRIALS, seed=SEED + done)
        )
        workspace.observer("experiments", done, len(settings))
    tables = [_table(title, group, note, found) for (group, title), note in zip(_GROUPS.items(), _NOTES, strict=True)]
    return [_promises(found), *tables]


def _table(title: str, group: str, note: str, found: Found) -> Section:
    names = list(dict.fromkeys(_column(share) for shares in found.values() for share in shares if share.group == group))
    rows: list[tuple[Cell, ...]] = []
    for (people, epsilon), shares in found.items():
        own = {_column(share): _cell(share) for share in shares if share.group == group}
        cells = (own.get(name) for name in names)
        rows.append((f"{people:,} people", "none" if epsilon is None else f"{epsilon:g}", *cells))
    return Section(title, ("experiment", "ε", *names), tuple(rows), f"{note} {TRIALS:,} experiments each.")


def _column(share: Share) -> str:
    # The effect of a plan is another in every row.
    return "shown" if share.group.startswith("an effect") else share.what


def _cell(share: Share) -> str:
    effect = f", {share.what.split()[0]}" if share.group.startswith("an effect") else ""
    without = f", {share.without:.0%} without" if share.without else ""
    return f"{share.share:.1%} ±{share.error:.1%}{effect}{without}"


def _promises(found: Found) -> Section:
    shares = [share for each in found.values() for share in each]
    groups = list(_GROUPS)
    held = _in(shares, groups[0], lambda share: share.promise == "just")
    alarms = _in(shares, groups[1], lambda share: share.promised is not None)
    early = _in(shares, groups[1], lambda share: share.promised is None)
    right = _in(shares, groups[2], lambda share: share.promised is not None)
    power = _in(shares, groups[3])
    rows: tuple[tuple[Cell, ...], ...] = (
        ("95% intervals, mean of all", fmean(held), 1 - ALPHA, _near(fmean(held), 1 - ALPHA)),
        ("95% intervals, least of all", min(held), 1 - ALPHA, _within(shares, groups[0])),
        ("false alarms of always-valid intervals, most", max(alarms), ALPHA, _within(shares, groups[1])),
        ("false alarms of other intervals, most", max(early), None, None),
        ("mismatch found in right shares, mean", fmean(right), ALPHA, _near(fmean(right), ALPHA)),
        ("planned power, mean", fmean(power), POWER, _near(fmean(power), POWER)),
    )
    note = (
        "A mean is met if it is within half a point (a power within two). The least and the most of many are met if no "
        "more than one in fifty of them strays further than chance does in 99 of 100."
    )
    return Section("Promises of the analysis of experiments", ("promise", "measured", "aim", "verdict"), rows, note)


def _in(shares: Sequence[Share], group: str, which: Callable[[Share], bool] = lambda _: True) -> list[float]:
    return [share.share for share in shares if share.group == group and which(share)]


def _near(measured: float, aim: float) -> str:
    return "met" if abs(measured - aim) <= (0.02 if aim == POWER else 0.005) else "not met"


def _within(shares: Sequence[Share], group: str) -> str:
    kept = list(_kept(shares, group))
    return "met, within chance" if kept.count(False) <= len(kept) / 50 else "not met"


def _kept(shares: Sequence[Share], group: str) -> Iterator[bool]:
    for share in shares:
        if share.group == group and share.kept is not None:
            yield share.kept
