"""``homespun-server audit``: attack this build's releases, or a bundle, and say what the attacks found; audit bundles.

``audit privacy`` needs no data: its people are synthetic. ``audit membership`` is about the operator's people.
"""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from homespun.errors import MisuseError
from homespun_server.cli.audit_bundle import add_bundles
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import add_table_options, interaction_columns, item_columns
from homespun_server.display import progress
from homespun_server.evaluation.membership import attack_bundle
from homespun_server.privacy.audit.canaries import CANARIES
from homespun_server.privacy.audit.membership import Attack, Figure
from homespun_server.privacy.audit.run import Claim
from homespun_server.privacy.audit.series import (
    CANARIES_USED,
    ENOUGH_POWER,
    EPSILON_AUDITED,
    Audited,
    audit_series,
    check_claims,
)
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

_TEST_SHARE = 0.1


def _privacy(options: argparse.Namespace, console: Console) -> None:
    if options.runs < 1:
        raise MisuseError(f"--runs is {options.runs}; run the audit at least once.")
    claim = Claim(options.epsilon, options.delta)
    with progress(console) as observer:
        audits = [
            audit_series(name, claim, observer, canaries=options.canaries, delta=options.audit_delta, runs=options.runs)
            for name in dict.fromkeys(options.statistic or CANARIES)
        ]
    if options.json:
        _write_json(audits, console)
    else:
        console.print(_audits_table(audits), _power_table(audits))
        weakest = min(min(audited.power.values()) for audited in audits)
        if weakest < ENOUGH_POWER:
            console.print(Panel(_LITTLE_POWER.format(weakest), title="Mind", border_style="yellow"))
    check_claims(audits)


def _membership(options: argparse.Namespace, console: Console) -> None:
    columns, skip = interaction_columns(options), options.skip_bad_rows
    erase_again_near(options, "audit membership", options.interactions)
    items = None if options.items is None else Items.read(options.items, item_columns(options), skip_bad_rows=skip)
    with ExitStack() as stack:
        stack.enter_context(console.status("Reading and attacking"))
        read = Interactions.read(options.interactions, columns, items=items, skip_bad_rows=skip)
        interactions = stack.enter_context(read)
        found = attack_bundle(options.bundle, interactions, test_share=options.test_share).for_the_operator()
    if options.json:
        _write_json({"schema": 1, "non_private": True, **asdict(found)}, console)
    else:
        console.print(_attack_table(found))


def _audits_table(audits: Sequence[Audited]) -> Table:
    claim, design = audits[0].claim, audits[0].design
    table = Table(
        title=f"The claim ε = {claim.epsilon:g}, δ = {claim.delta:g} (ρ = {design.rho:.4g}), on synthetic people",
        caption=f"Audited at δ = {design.delta:g}, where the claim is ε = {design.epsilon:.3g}. Of {design.guesses:,} "
        f"guesses {design.critical:,} right ones would refute it. ε ≥: shown with 95% confidence (Steinke, Nasr, "
        "Jagielski 2023, Theorem 5.2), in the worst run; a correct build is refuted in at most 5% of the runs. "
        "Nothing of your data was read, and no ledger was written to.",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("statistic", no_wrap=True)
    for heading in ("guesses", "right", "ε ≥", "claim", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for audited in audits:
        runs = audited.outcomes
        refuted = f", {audited.contradicting} of {len(runs)} refute" if len(runs) > 1 else ""
        table.add_row(
            audited.statistic,
            f"{design.guesses:,}",
            f"{max(run.correct for run in runs):,}",
            f"{max(run.bound for run in runs):.3g}",
            f"ε ≤ {design.epsilon:.3g}",
            _verdict(audited) + refuted,
        )
    return table


def _verdict(audited: Audited) -> str:
    if not audited.holds:
        return "[red]REFUTED[/]"
    return "[yellow]shows little[/]" if audited.weak else "[green]holds[/]"


def _power_table(audits: Sequence[Audited]) -> Table:
    table = Table(
        title="Power: how probably one run would catch a fault",
        caption="Computed before the audit. A verdict is worth as much as this.",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("statistic", no_wrap=True)
    for heading in ("people", *audits[0].power):
        table.add_column(heading, justify="right", no_wrap=True)
    for audited in audits:
        shares = (_share(value) for value in audited.power.values())
        table.add_row(audited.statistic, f"{audited.design.canaries:,}", *shares)
    return table


def _attack_table(found: Attack) -> Table:
    table = Table(
        title="Membership inference",
        caption=f"{found.members:,} members, {found.others:,} who were kept aside. "
        "Exact figures about people: non-private, for you alone. They bound nothing: only ε says what no attack "
        "can do. The advantage takes its threshold in hindsight, so it is above 0 without any leak.",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("figure", no_wrap=True)
    for heading in ("value", "95% interval", "without a leak"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("AUC", *_figure(found.auc), ".500")
    table.add_row("advantage (TPR − FPR)", *_figure(found.advantage), _decimal(found.chance))
    return table


def _figure(figure: Figure) -> tuple[str, str]:
    return _decimal(figure.value), f"{_decimal(figure.low)} to {_decimal(figure.high)}"


def _decimal(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _share(value: float) -> str:
    """Return a probability that is never rounded up to certainty."""
    return "> 99.9%" if value > 0.999 else f"{value:.1%}"  # noqa: PLR2004 - the digits shown


def _write_json(content: object, console: Console) -> None:
    console.out(msgspec.json.format(msgspec.json.encode(content), indent=2).decode(), highlight=False)


_LITTLE_POWER = (
    "This audit would catch some faults in only {:.0%} of its runs, so that it found nothing says little. Use more "
    "--canaries, or audit at an ε nearer to 2: the code that is audited is the same."
)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = "Attacks that show whether the privacy that is claimed is there; bundles for auditors."
    kinds = command.add_subparsers(required=True, metavar="WHAT")
    _add_privacy(kinds)
    _add_membership(kinds)
    add_bundles(kinds)


def _add_privacy(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = kinds.add_parser(
        "privacy",
        help="bound ε from below with synthetic people, and hold the bound against the claim",
        description="Send synthetic people through this build's own encoder, sum and noise, guess who was in, and hold "
        "what the guesses prove against the claim. Exit status 1 if they contradict it.",
    )
    command.set_defaults(run=_privacy)
    command.add_argument("--statistic", nargs="+", choices=tuple(CANARIES), metavar="NAME", help=", ".join(CANARIES))
    command.add_argument("--epsilon", type=float, default=EPSILON_AUDITED, metavar="E", help="ε of the claim (2)")
    command.add_argument(
        "--delta", type=float, default=DEFAULT_DELTA, metavar="D", help=f"δ of the claim ({DEFAULT_DELTA:g})"
    )
    command.add_argument("--audit-delta", type=float, metavar="D", help="δ to audit at (where most is caught)")
    command.add_argument("--canaries", type=int, default=CANARIES_USED, metavar="N", help="synthetic people (40000)")
    command.add_argument("--runs", type=int, default=1, metavar="N", help="how often (1)")
    command.add_argument("--json", action="store_true", help="JSON rather than tables")


def _add_membership(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = kinds.add_parser(
        "membership",
        help="tell from a bundle who was trained from",
        description="Attack a bundle with the interactions that it was made from. The figures are exact figures about "
        "people: non-private, for you alone.",
    )
    command.set_defaults(run=_membership)
    command.add_argument("interactions", type=Path, metavar="INTERACTIONS", help="what the bundle was made from")
    command.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="the bundle's folder")
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the catalogue")
    command.add_argument(
        "--test-share", type=float, default=_TEST_SHARE, metavar="S", help="users that the fit kept aside (0.1)"
    )
    command.add_argument("--json", action="store_true", help="JSON rather than a table")
    add_directory_option(command)
    add_table_options(command)
