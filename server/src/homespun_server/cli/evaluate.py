"""``homespun-server evaluate``: how good bundles are, for people or events that did not train them."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.accounts import open_ledger
from homespun_server.cli.evaluation_view import evaluation_view
from homespun_server.cli.protocols import add_protocol_options, given_options, protocol_of
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import add_table_options, interaction_columns, item_columns
from homespun_server.display import progress
from homespun_server.errors import OutputError, TrainingError
from homespun_server.evaluation.dividing import SPLIT_FILE, Split, divide, read_split
from homespun_server.evaluation.page import page
from homespun_server.evaluation.protocols import STRONG, Liked
from homespun_server.evaluation.recommenders import read_bundles
from homespun_server.evaluation.released import SharedQuality, metric_names, release_figures
from homespun_server.evaluation.result import EvaluationReport
from homespun_server.evaluation.study import KS, Observer, Settings, Studied, study
from homespun_server.pipeline import fit_content
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.zcdp import rho_for
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

REPORT_FILE = "evaluation.json"
PAGE_FILE = "evaluation.html"
SHARED_FILE = "quality.json"


def _evaluate(options: argparse.Namespace, console: Console) -> None:
    _check(options)
    skip = options.skip_bad_rows
    items = None if options.items is None else Items.read(options.items, item_columns(options), skip_bad_rows=skip)
    with ExitStack() as stack:
        observer = stack.enter_context(progress(console))
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="homespun-")))
        # Before anything about people is read: what the budget does not allow must not cost a look at them.
        budget = stack.enter_context(_reserved(options))
        erase_again_near(options, "evaluate", options.interactions)
        folder = options.interactions if _is_split(options.interactions) else _divided(options, items, scratch)
        split = read_split(folder)
        settings = Settings(
            ks=tuple(options.k), asserted=_asserted(options, split), observer=observer, now=datetime.now(UTC)
        )
        studied = study(folder, options.bundle, settings, items=items, content=_content(items, scratch))
        report = studied.report.for_the_operator()
        _make(options.out)
        if budget is not None:
            _share(options, studied, report, budget, observer)
    _write(options.out, report)
    console.print(evaluation_view(report))
    kept = [options.out / REPORT_FILE, options.out / PAGE_FILE]
    console.print("To keep to yourself: " + " ".join(map(str, kept)), highlight=False, soft_wrap=True)
    if budget is not None:
        console.print(f"To share: {options.out / SHARED_FILE}", highlight=False, soft_wrap=True)


def _check(options: argparse.Namespace) -> None:
    private = (options.metrics_epsilon, options.store, options.data_set)
    if any(given is None for given in private) and any(given is not None for given in private):
        raise MisuseError(
            "released figures need a budget: give --metrics-epsilon, --store and --data-set together, or none of them."
        )
    if options.metrics_epsilon is not None and len(options.bundle) > 1:
        raise MisuseError("figures are released for one bundle at a time; give one --bundle with --metrics-epsilon.")
    if options.interactions.is_dir():
        if not _is_split(options.interactions):
            raise MisuseError(f"{options.interactions} is a folder without {SPLIT_FILE}; give a table, or a split.")
        given = given_options(options)
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise MisuseError(f"a split says already how it was divided; leave {names} out.")


def _is_split(path: Path) -> bool:
    return (path / SPLIT_FILE).is_file()


def _divided(options: argparse.Namespace, items: Items | None, scratch: Path) -> Path:
    protocol, columns = protocol_of(options, _rule(options)), interaction_columns(options)
    read = Interactions.read(options.interactions, columns, items=items, skip_bad_rows=options.skip_bad_rows)
    with read as interactions:
        divide(interactions, protocol, scratch / "split")
    return scratch / "split"


def _rule(options: argparse.Namespace) -> Liked:
    """Return which events speak for an item: the bundles' own rule."""
    rules = {known.liked for known in read_bundles(options.bundle)}
    if len(rules) > 1 and options.min_weight is None:
        raise MisuseError("the bundles have different rules of what a like is; say which to use with --min-weight.")
    return rules.pop()


def _content(items: Items | None, scratch: Path) -> Path | None:
    """Return a bundle from the catalogue alone, if one can be made."""
    if items is None:
        return None
    try:
        return fit_content(items, out=scratch / "content")
    except TrainingError:
        return None


def _asserted(options: argparse.Namespace, split: Split) -> str:
    if _is_split(options.interactions) or split.protocol != STRONG:
        return "You assert that every bundle was trained from the training part of this split, and from nothing else."
    return (
        f"You assert that no bundle was trained on the users kept aside; a fit with --test-share {split.kept_aside:g} "
        "keeps the same ones aside."
    )


def _cohort(options: argparse.Namespace) -> Cohort:
    """Return who could have been tested: those kept aside, or everybody.

    Raises:
        MisuseError: If the figures of one person could depend on another's events.
    """
    asked = read_split(options.interactions) if _is_split(options.interactions) else protocol_of(options, Liked())
    if asked.by_others:
        raise MisuseError(
            "released figures need a bound on what one person can change, and here one person's events decide about "
            f"others' ({', '.join(asked.by_others)}). Test everybody, and give a date (--since) for a temporal split."
        )
    return Cohort.everybody() if asked.kept_aside is None else Cohort.held_out(asked.kept_aside)


@contextmanager
def _reserved(options: argparse.Namespace) -> Iterator[Reservation | None]:
    if options.metrics_epsilon is None:
        yield None
        return
    path = _cohort(options).path
    with open_ledger(options.store, options.data_set) as ledger:
        rho = Fraction(rho_for(options.metrics_epsilon, ledger.state().policy.delta))
        with ledger.reserve([(path, rho)], "figures of an evaluation") as reservation:
            yield reservation


def _share(
    options: argparse.Namespace, studied: Studied, report: EvaluationReport, budget: Reservation, observer: Observer
) -> None:
    (model,) = (model.model for model in report.models if model.role == "bundle")
    names = metric_names(report.main, report.ks)
    quality = release_figures(studied.metrics, model, names, _cohort(options), budget, observer)
    (known,) = read_bundles(options.bundle)
    shared = SharedQuality(
        schema=1,
        bundle=known.identity,
        protocol=report.protocol,
        text=report.text,
        quality=quality,
        epsilon=options.metrics_epsilon,
        delta=budget.delta,
        bundle_privacy=known.privacy,
    )
    encoded = msgspec.json.format(msgspec.json.encode(shared), indent=2)
    (options.out / SHARED_FILE).write_bytes(encoded + b"\n")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}. Choose another folder.") from error


def _write(folder: Path, report: EvaluationReport) -> None:
    (folder / REPORT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    (folder / PAGE_FILE).write_text(page(report), encoding="utf-8")


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Evaluate bundles on people or events that did not train them: that they did not is for you to know. "
        "INTERACTIONS is a table, of which the users kept aside are tested, or the folder of a split. The figures are "
        "exact figures about people, for you alone, unless --metrics-epsilon releases some with noise."
    )
    command.set_defaults(run=_evaluate)
    command.add_argument("interactions", type=Path, metavar="INTERACTIONS", help="a table, or the folder of a split")
    command.add_argument(
        "--bundle", type=Path, action="append", required=True, metavar="DIR", help="a bundle's folder; repeat for more"
    )
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the catalogue")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help=f"gets {REPORT_FILE}, {PAGE_FILE} and {SHARED_FILE}"
    )
    command.add_argument("--k", type=int, nargs="+", default=KS, metavar="K", help="lengths of lists (10 20 50 100)")
    command.add_argument(
        "--metrics-epsilon", type=float, metavar="E", help=f"ε per user tested, for figures with noise in {SHARED_FILE}"
    )
    command.add_argument("--store", metavar="PATH|URL", help="the operator's budget ledger")
    command.add_argument("--data-set", metavar="NAME", help="the name of these people's data in that ledger")
    add_protocol_options(command)
    add_directory_option(command)
    add_table_options(command)
