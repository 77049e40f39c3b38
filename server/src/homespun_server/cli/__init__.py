"""The command ``homespun-server``: from tables to bundles, and what they cost in privacy.

Exit status: 0 done, 1 an error that homespun explains, 2 wrong usage, 3 a gate was not met, 130 interrupted. Every
command lives in a module of its own with ``configure(parser)``, which is imported only when it is asked for: what
trains takes seconds to import.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from rich.console import Console

from homespun.errors import HomespunError
from homespun_server._version import __version__
from homespun_server.errors import GateFailedError

_COMMANDS = {
    "fit": "train a bundle from interactions, or from the catalogue alone",
    "refresh": "release some statistics of a fit anew, and train from these and the kept ones",
    "run": "make, check and publish a bundle as a pipeline's file says, in steps that are kept",
    "plan": "what a fit will keep and cost, before any data is read",
    "budget": "what the users of a data set may lose, and lost",
    "split": "divide a table into what trains and what is held out",
    "evaluate": "how good bundles are, for people or events that did not train them",
    "experiment": "plan an experiment, read its releases, and see how often that is right",
    "audit": "attack this build's releases, or a bundle; write and check bundles for auditors",
    "log": "the transparency log: what was done, signed, proved and witnessed",
    "keys": "make, exchange and revoke the keys of the signed repository",
    "publish": "release a bundle on a channel",
    "rollout": "which devices take which release, and taking it back",
    "repository": "keep the signed repository fresh, right and small",
    "init": "make a working directory: settings, store, keys, repository, a first token",
    "serve": "serve the repository and the API over HTTP",
    "console": "who may sign in to the pages of the service",
    "compliance": "the keys of compliance, and what is kept under them",
    "consent": "what people reported that they allow, with proof",
    "request": "requests of people: deadlines, what was done where, and the evidence",
    "tokens": "make, list and revoke the tokens of the HTTP service",
    "registry": "the bundles, their stages, and what differs between two",
    "task": "what a channel asks of its devices: sums that nobody can take apart",
    "leader": "the aggregator that takes devices' reports and works on them with a helper",
    "helper": "the aggregator that holds the other share of every report",
    "collector": "the key that sums of tasks are sealed to, and training from what was collected",
    "collect": "charge a task, get its noised sums from its leader, and keep the release",
    "simulate": "a fleet of simulated devices, leader and helper beside the table path",
    "statistics": "what can be counted about people, in plain words",
    "document": "documents for the record: Art. 30 and 35 GDPR, Art. 27 DSA, a privacy notice, the data map",
    "explanation": "explain recorded decisions in layers, and make a batch of them again",
}

_GATE_NOT_MET = 3

_INTERRUPTED = (
    "homespun-server: interrupted. What was released by then stays charged to the budget, the rest was given back; "
    "results may be incomplete."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser(asked=given[:1]).parse_args(given)
    console = Console()
    try:
        options.run(options, console)
    except HomespunError as error:
        Console(stderr=True).print(f"homespun-server: {error}", style="red", markup=False, highlight=False)
        return _GATE_NOT_MET if isinstance(error, GateFailedError) else 1
    except KeyboardInterrupt:
        Console(stderr=True).print(_INTERRUPTED, style="red", markup=False, highlight=False)
        return 130
    return 0


def parser(asked: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; of all commands only what is asked for is imported and has its options."""
    root = argparse.ArgumentParser(prog="homespun-server", description="From tables to bundles that devices run.")
    root.add_argument("--version", action="version", version=f"homespun-server {__version__}")
    # Only the first argument can name the command: no option before it takes a value.
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, help=what)
        if name in asked:
            import_module(f"homespun_server.cli.{name}").configure(command)
    return root
