"""Runs what pages show, each in a process of its own, without importing the same packages for each of them again.

Where the system can, a process is forked from a server that has imported the packages and done nothing else; elsewhere
it is started from nothing. Each has its own folder, environment and streams.
"""

import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import homespun_server.cli

COMMANDS = {"homespun": "homespun.cli", "homespun-server": "homespun_server.cli"}
IMPORTED = [
    *(f"homespun_server.cli.{each.name}" for each in pkgutil.iter_modules(homespun_server.cli.__path__)),
    *("homespun.cli", "homespun.personalizer", "homespun_server.pipeline", "homespun_server.app"),
    *("duckdb", "onnx", "pandas", "scipy.stats", "sklearn.utils"),
]
"""What most of them need. The runtime of models is not among them: homespun imports it its own way."""

PATIENCE_SECONDS = 300.0


class Done(NamedTuple):
    """How a program ended, and what it wrote, errors last."""

    status: int
    output: str


def run_program(command: list[str], folder: Path, environment: Mapping[str, str]) -> Done:
    """Run a command of ours, or ``python`` with a file, for which every warning is an error; wait for its end.

    Args:
        command: Its name and arguments.
        folder: Where it runs.
        environment: All of its environment.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return _started(command, folder, environment)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([name for name in IMPORTED if not name.endswith("__main__")])
    out = folder.with_name(f"{folder.name}-out")
    process = context.Process(target=_play, args=(command, str(folder), dict(environment), str(out)))
    process.start()
    process.join(PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
    return Done(process.exitcode or 0, "".join(Path(f"{out}.{each}").read_text("utf-8") for each in (1, 2)))


def _started(command: list[str], folder: Path, environment: Mapping[str, str]) -> Done:
    name, *arguments = command
    scripts = Path(sys.executable).parent
    program = scripts / (f"{name}.exe" if os.name == "nt" else name)
    begun = [sys.executable, "-W", "error"] if name == "python" else [str(program)]
    done = subprocess.run(
        [*begun, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False, input=""
    )
    return Done(done.returncode, done.stdout + done.stderr)


def _play(command: list[str], folder: str, environment: Mapping[str, str], out: str) -> None:
    """Be the program: everything that a process starts with is as if it had been started so."""
    name, *arguments = command
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(f"{out}.{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    # Not closed: they last as long as the process.
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )
    sys.argv = [*arguments] if name == "python" else [name, *arguments]
    try:
        status = _of_python(arguments[0]) if name == "python" else import_module(COMMANDS[name]).main(arguments)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else ended.code is not None
    except BaseException:  # noqa: BLE001 - as the interpreter would end
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0))


def _of_python(script: str) -> int:
    sys.path.insert(0, str(Path.cwd()))
    warnings.resetwarnings()
    warnings.simplefilter("error")
    runpy.run_path(script, run_name="__main__")
    return 0
