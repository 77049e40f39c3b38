"""The parts of ``homespun-server experiment`` that make something: definitions, and made-up releases to try with."""

import argparse
import hashlib
import tomllib
from pathlib import Path
from secrets import token_bytes

from rich.console import Console

from homespun.errors import MisuseError
from homespun.protocol.experiment import encode_experiment
from homespun_server.accounts import open_ledger
from homespun_server.errors import OutputError
from homespun_server.experiments.drafting import SALT_BYTES, experiment_of
from homespun_server.experiments.made_up import DRAFT, made_up_releases
from homespun_server.experiments.verification import SEED
from homespun_server.privacy.kept import keep
from homespun_server.privacy.ledger import BudgetPolicy

DEFINITION_FILE = "definition.json"


def _new(options: argparse.Namespace, console: Console) -> None:
    if options.draft is None:
        _put(options.out, DRAFT.encode())
        console.print(f"A draft to change: {options.out}", highlight=False, soft_wrap=True)
        return
    experiment = experiment_of(
        _draft(options.draft), token_bytes(SALT_BYTES), lambda name: _policy(options.draft, name)
    )
    _put(options.out, encode_experiment(experiment))
    console.print(f"{experiment.name}: {options.out}, SHA-256 {experiment.digest}", highlight=False, soft_wrap=True)


def _draft(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MisuseError(f"the draft {path} cannot be read: {error}. Write one with experiment new.") from error


def _policy(draft: Path, name: str) -> str:
    path = draft.parent / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise MisuseError(
            f"the policy {path} cannot be read: {error}. Name its file from the draft's folder."
        ) from error


def _put(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}. Name a new file.") from error


def _try(options: argparse.Namespace, console: Console) -> None:
    experiment = experiment_of(tomllib.loads(DRAFT), hashlib.sha256(DRAFT.encode()).digest()[:SALT_BYTES], str)
    folder = options.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error}. Name another folder.") from error
    _put(folder / DEFINITION_FILE, encode_experiment(experiment))
    with open_ledger(str(folder / "budget.sqlite"), "made-up", create=True) as ledger:
        ledger.open(BudgetPolicy())
        sizes = {"people": options.people, "windows": options.windows, "epsilon": options.epsilon, "seed": options.seed}
        for number, release in enumerate(made_up_releases(experiment, ledger, **sizes), start=1):
            keep(release, folder / f"window-{number}.parquet")
    console.print(f"{options.people:,} people who do not exist: {folder}", highlight=False, soft_wrap=True)


def configure_making(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the actions ``new`` and ``try``."""
    what = "make a definition to publish from a draft, or write a draft to begin with"
    making = part(parts, "new", _new, what)
    making.add_argument("draft", type=Path, nargs="?", metavar="DRAFT", help="a TOML file; without it one is written")
    making.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new file")
    trying = part(parts, "try", _try, "make up people, an experiment on them and its releases, to try analyze with")
    trying.add_argument("--people", type=int, default=40_000, metavar="N", help="exposed people (40000)")
    trying.add_argument("--windows", type=int, default=4, metavar="W", help="windows, other people in each (4)")
    trying.add_argument("--epsilon", type=float, default=4.0, metavar="E", help="ε of each window's release (4)")
    trying.add_argument("--seed", type=int, default=SEED, help="of the people; the noise has none")
    trying.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder")


def part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    """Add an action."""
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    return command
