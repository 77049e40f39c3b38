"""``homespun-server experiment``: how many people an experiment takes, and what its releases say."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun.protocol.experiment import Experiment, parse_experiment
from homespun_server.accounts import open_ledger
from homespun_server.cli.experiment_making import configure_making, part
from homespun_server.cli.experiment_view import plan_view, report_view, verification_view
from homespun_server.errors import OutputError
from homespun_server.experiments.analysis import Settings, analyse
from homespun_server.experiments.page import page
from homespun_server.experiments.power import Planned, Request, plan
from homespun_server.experiments.question import question_of
from homespun_server.experiments.verification import SEED, Setting, verify
from homespun_server.experiments.words import plan_text
from homespun_server.privacy.kept import kept
from homespun_server.privacy.zcdp import DEFAULT_DELTA

REPORT_FILE = "experiment.json"
PAGE_FILE = "experiment.html"
SCHEMA_VERSION = 1

NO_NOISE = "none"
"""What is written instead of an ε where there is no noise."""

EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0)
TIMES = (0.1, 0.3, 1.0, 3.0, 10.0)


def _plan(options: argparse.Namespace, console: Console) -> None:
    found = plan(_request(options), EPSILONS, TIMES)
    if options.json:
        console.file.write(_json(as_data(found)))
        return
    console.print(plan_view(found, options.cap))


def _request(options: argparse.Namespace) -> Request:
    cap, share = options.cap, options.deviation is None
    if share and cap != 1:
        raise MisuseError(
            "a measure with a cap above 1 differs from person to person in ways that its mean does not tell; give "
            "--deviation as well."
        )
    return Request(
        people=options.people,
        base=options.base / cap,
        deviation=None if share else options.deviation / cap,
        effect=options.effect * options.base / cap,
        epsilon=options.epsilon,
        delta=options.delta,
        variants=options.variants,
        cells=_cells(options),
        windows=options.windows,
        sequential=not options.one_look,
        alpha=options.alpha,
        power=options.power,
        aggregators=options.aggregators,
    )


def _cells(options: argparse.Namespace) -> int:
    if options.experiment is None:
        return int(1 + 2 * options.measures + options.products)
    return question_of(_definition(options.experiment)).declared.cells


def as_data(found: Planned) -> dict[str, object]:
    """Return a plan as plain data for JSON, with its verdict in words; effects are shares of the cap."""
    return {
        "schema": SCHEMA_VERSION,
        **msgspec.to_builtins(found),
        "enough": found.enough,
        "text": plan_text(found),
    }


def _analyze(options: argparse.Namespace, console: Console) -> None:
    experiment = _definition(options.experiment)
    with open_ledger(options.store, options.data_set) as ledger:
        releases = [kept(path, ledger) for path in options.release]
        delta = ledger.state().policy.delta
    settings = Settings(
        alpha=options.alpha,
        power=options.power,
        every_window=not options.one_look,
        planned=options.planned_windows,
        delta=delta,
    )
    report = analyse(experiment, releases, settings, datetime.now(UTC))
    if options.out is not None:
        _write(options.out, {REPORT_FILE: _json(report), PAGE_FILE: page(report)})
    if options.json:
        console.file.write(_json(report))
        return
    console.print(report_view(report))
    if options.out is not None:
        written = f"{options.out / REPORT_FILE} {options.out / PAGE_FILE}"
        console.print(f"Written: {written}", highlight=False, soft_wrap=True)


def _definition(path: Path) -> Experiment:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}. Name the published definition.") from error
    return parse_experiment(raw)


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"the report cannot be written to {folder}: {error}. Name another folder.") from error


def _simulate(options: argparse.Namespace, console: Console) -> None:
    setting = Setting(
        people=options.people,
        epsilon=options.epsilon,
        windows=options.windows,
        trials=options.trials,
        seed=options.seed,
    )
    shares = verify(setting)
    if options.json:
        rows = [{**msgspec.to_builtins(each), "error": each.error, "kept": each.kept} for each in shares]
        console.file.write(_json({"schema": SCHEMA_VERSION, "setting": setting, "shares": rows}))
        return
    console.print(verification_view(setting, shares))


def _json(data: object) -> str:
    # Not through rich, which would break long lines.
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def _epsilon(text: str) -> float | None:
    try:
        return None if text == NO_NOISE else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor {NO_NOISE!r}") from None


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Plan experiments, read their releases, and see that the analysis keeps its promises."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    configure_making(parts)
    _configure_plan(parts)
    _configure_analyze(parts)
    _configure_simulate(parts)


def _configure_plan(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "what effect so many people can show at an ε, and how many people an effect takes; reads no data"
    planning = part(parts, "plan", _plan, what)
    planning.add_argument("--people", type=int, required=True, metavar="N", help="exposed people who report, in all")
    _add_epsilon(planning)
    planning.add_argument(
        "--delta", type=float, default=DEFAULT_DELTA, metavar="D", help=f"δ of a report ({DEFAULT_DELTA:g})"
    )
    planning.add_argument(
        "--base", type=float, required=True, metavar="B", help="what people have now: a share, or a mean with --cap"
    )
    planning.add_argument("--cap", type=float, default=1, metavar="C", help="most that counts of one person (1)")
    planning.add_argument(
        "--deviation", type=float, metavar="S", help="standard deviation from person to person (of a share: known)"
    )
    planning.add_argument(
        "--effect", type=float, default=0.05, metavar="U", help="least uplift that matters, as 0.05 for 5%% (0.05)"
    )
    planning.add_argument("--experiment", type=Path, metavar="FILE", help="a definition, to count its cells")
    planning.add_argument("--measures", type=int, default=3, metavar="K", help="measures, without --experiment (3)")
    planning.add_argument("--products", type=int, default=1, metavar="K", help="products, without --experiment (1)")
    planning.add_argument("--variants", type=int, default=2, metavar="K", help="with the control, of equal shares (2)")
    planning.add_argument("--windows", type=int, default=4, metavar="W", help="windows, other people in each (4)")
    planning.add_argument("--aggregators", type=int, default=2, metavar="K", help="who add the noise each (2)")
    _add_levels(planning)


def _configure_analyze(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    analysing = part(parts, "analyze", _analyze, "what an experiment's releases say, as table, page and JSON")
    analysing.add_argument("experiment", type=Path, metavar="EXPERIMENT", help="the published definition")
    analysing.add_argument(
        "--release", type=Path, nargs="+", required=True, metavar="FILE", help="kept releases, in order of windows"
    )
    analysing.add_argument("--store", required=True, metavar="PATH|URL", help="the ledger that they were charged to")
    analysing.add_argument("--data-set", required=True, metavar="NAME", help="its name there")
    analysing.add_argument(
        "--planned-windows", type=int, default=4, metavar="W", help="windows that are planned; say it beforehand (4)"
    )
    analysing.add_argument("--out", type=Path, metavar="DIR", help=f"also write {REPORT_FILE} and {PAGE_FILE} there")
    _add_levels(analysing)


def _configure_simulate(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "simulate experiments of which the truth is known, and see how often the analysis is right"
    simulating = part(parts, "simulate", _simulate, what)
    simulating.add_argument("--people", type=int, required=True, metavar="N", help="exposed people of an experiment")
    _add_epsilon(simulating)
    simulating.add_argument("--windows", type=int, default=5, metavar="W", help="windows, each looked at (5)")
    simulating.add_argument("--trials", type=int, default=1000, metavar="K", help="experiments of each sort (1000)")
    simulating.add_argument("--seed", type=int, default=SEED, help="of people and noise")
    simulating.add_argument("--json", action="store_true", help="write JSON instead of a table")


def _add_epsilon(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--epsilon", type=_epsilon, required=True, metavar="E", help=f"ε of a report; {NO_NOISE}: without noise"
    )


def _add_levels(command: argparse.ArgumentParser) -> None:
    command.add_argument("--alpha", type=float, default=0.05, metavar="A", help="chance of a false alarm (0.05)")
    command.add_argument("--power", type=float, default=0.8, metavar="P", help="chance to see the effect (0.8)")
    command.add_argument("--one-look", action="store_true", help="nobody looks before the last window")
    command.add_argument("--json", action="store_true", help="write JSON instead of tables")
