"""A command has no help, is taken for another, or makes everybody wait for what it does not use."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from homespun_server import cli
from homespun_server.cli import main

HEAVY = {"duckdb", "onnx", "onnxruntime", "opendp", "pyarrow", "sklearn"}
"""What reads tables, draws noise and trains; none of it opens in a moment."""


def stopped(*arguments: str) -> int:
    """Return the status with which a command ends that does nothing."""
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert isinstance(ending.value.code, int)
    return ending.value.code


def test_a_command_is_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped("--help") == 0
    listed = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
    commands = [
        "fit",
        "refresh",
        "run",
        "plan",
        "budget",
        "split",
        "evaluate",
        "experiment",
        "audit",
        "log",
        "keys",
        "publish",
        "rollout",
        "repository",
        "init",
        "serve",
        "console",
        "compliance",
        "consent",
        "request",
        "tokens",
        "registry",
        "task",
        "leader",
        "helper",
        "collector",
        "collect",
        "simulate",
        "statistics",
        "document",
        "explanation",
    ]
    assert listed == commands == list(cli._COMMANDS)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("fit", "--metrics-epsilon E"),
        ("fit", "--store PATH|URL"),
        ("fit", "--data-set NAME"),
        ("refresh", "--statistics"),
        ("refresh", "--as-of TIME"),
        ("plan", "--events-per-user L"),
        ("budget", "open"),
        ("budget open", "--lifetime"),
        ("budget show", "--html"),
        ("budget change", "--reason"),
        ("budget cancel", "NUMBER"),
        ("audit", "membership"),
        ("audit privacy", "--canaries N"),
        ("audit membership", "--bundle DIR"),
        ("split", "--protocol"),
        ("evaluate", "--metrics-epsilon E"),
        ("statistics", "--json"),
        ("document", "--format"),
        ("explanation export", "--language TAG"),
        ("explanation verify", "--processes N"),
        ("init", "--stages NAMES"),
        ("serve", "--workers N"),
        ("tokens create", "--role {publisher,operator,compliance,auditor}"),
        ("registry compare", "OTHER"),
        ("compliance", "init"),
        ("consent", "counts"),
        ("request", "replay"),
        ("request ask", "--now"),
        ("request devices", "ID"),
        ("request voucher", "--hours H"),
        ("request key", "--vouching"),
        ("request open", "--under REGULATION"),
        ("request work", "--correct COLUMN=WRONG=RIGHT"),
        ("consent status", "--case ID"),
        ("consent import", "FILE"),
    ],
)
def test_a_command_does_not_say_what_it_takes(command: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(*command.split(), "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert told in shown
    assert shown.startswith(f"usage: homespun-server {command} [-h]")


WRONG = (
    *("train", "budgets", "bud", "fit plan --nonsense", "--nonsense fit"),
    *("budget", "budget close", "audit", "audit everything", "statistics item-triples"),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_an_unknown_command_does_something(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(*wrong.split()) == 2
    captured = capsys.readouterr()
    assert "usage: homespun-server" in captured.err
    assert captured.out == ""


def loaded(folder: Path, *commands: str) -> set[str]:
    """Return which heavy packages are loaded after commands in a program of their own."""
    program = (
        "import sys\n"
        "from homespun_server.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    try:\n"
        "        status = main(line.split())\n"
        "    except SystemExit as end:\n"
        "        status = end.code\n"
        "    assert status == 0, (line, status)\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", program, *commands],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loaded:")]
    return set(line.split()[1:]) & HEAVY


@pytest.mark.parametrize(
    "commands",
    [
        ("--help", "--version"),
        (
            "budget open --store b.sqlite --data-set shop --epsilon 1 --lifetime 2",
            "budget show --store b.sqlite --data-set shop",
        ),
        ("plan --users 1000 --items 100 --epsilon 2",),
        ("statistics", "statistics item-pairs --json"),
    ],
    ids=["nothing", "budget", "plan", "statistics"],
)
def test_a_command_loads_what_reads_and_trains(commands: tuple[str, ...], tmp_path: Path) -> None:
    assert loaded(tmp_path, *commands) == set()


def test_the_search_for_what_is_loaded_finds_nothing(tmp_path: Path) -> None:
    assert {"duckdb", "sklearn", "onnx"} <= loaded(tmp_path, "fit --help")
