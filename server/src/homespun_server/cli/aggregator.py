"""What the commands ``homespun-server leader`` and ``homespun-server helper`` share: making, tasks, status, serving."""

import argparse
from collections.abc import Callable
from pathlib import Path

import msgspec
from litestar.types import ASGIApp
from rich import box
from rich.console import Console
from rich.table import Table

from homespun.errors import MisuseError
from homespun_server.aggregators import open_places
from homespun_server.api.serving import listen, serve
from homespun_server.cli.directory import command_actor
from homespun_server.cli.serve import add_serving_options
from homespun_server.cli.signing import add_directory_option, passphrase_of
from homespun_server.collection.accepting import check_task, read_task
from homespun_server.collection.directory import Making, described, make_aggregator, public_key, read_pairing
from homespun_server.collection.expiring import RETIRED, retire
from homespun_server.collection.keys import PairingFile
from homespun_server.collection.messages import Role
from homespun_server.collection.places import Places
from homespun_server.collection.settings import DEVELOPMENT, PAIRING_FILE, AggregatorSettings, read_aggregator
from homespun_server.collection.status import TaskStatus, status_of
from homespun_server.settings import given_passphrase
from homespun_server.store import Tokens, open_store

TOKEN_DAYS = 365
"""So long a token is valid."""

_TOKENS: dict[Role, str] = {"leader": "the collector, or for its metrics", "helper": "its metrics"}


def make(options: argparse.Namespace, role: Role, pairing: PairingFile | None, console: Console) -> AggregatorSettings:
    """Make a working directory and print what it is for everybody else.

    Raises:
        HomespunError: It cannot be made.
    """
    passphrase = passphrase_of(None, given_passphrase(), new=True)(f"new {role} key")
    making = Making(
        role=role,
        name=options.name,
        url=options.url,
        passphrase=passphrase,
        pairing=pairing,
        development=getattr(options, "development", False),
    )
    make_aggregator(options.folder, making)
    settings = read_aggregator(options.folder, role)
    describe(settings, console)
    return settings


def describe(settings: AggregatorSettings, console: Console) -> None:
    """Print what a task says of an aggregator."""
    text = msgspec.json.format(msgspec.json.encode(described(settings)), indent=2).decode()
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    warn(settings, console)


def warn(settings: AggregatorSettings, console: Console) -> None:
    """Say where one party runs both."""
    if settings.development:
        console.print(DEVELOPMENT, style="yellow", markup=False, highlight=False, soft_wrap=True)


def refuse_several(places: Places, what: str) -> None:
    """Refuse several processes where the store is a file of one.

    Raises:
        MisuseError: If it is.
    """
    if places.one_program:
        raise MisuseError(f"{what} needs a PostgreSQL: a SQLite store is for one process. Set HOMESPUN_DATABASE_URL.")


def add_common(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]",
    role: Role,
    create: Callable[[AggregatorSettings], ASGIApp],
) -> None:
    """Add the actions that both aggregators have."""

    def settings_of(options: argparse.Namespace) -> AggregatorSettings:
        return read_aggregator(options.directory, role)

    def show(options: argparse.Namespace, console: Console) -> None:
        describe(settings_of(options), console)

    def add(options: argparse.Namespace, console: Console) -> None:
        _add(settings_of(options), options.task, console)

    def retired(options: argparse.Namespace, console: Console) -> None:
        _retire(settings_of(options), options, console)

    def token(options: argparse.Namespace, console: Console) -> None:
        _token(settings_of(options), console)

    def status(options: argparse.Namespace, console: Console) -> None:
        _status(settings_of(options), console, as_json=options.json)

    def serving(options: argparse.Namespace, console: Console) -> None:
        _serve(settings_of(options), create, options, console)

    part(parts, "show", show, "print its public description, which a task names")
    part(parts, "add", add, "take part in a task, after looking at it").add_argument("task", type=Path, metavar="TASK")
    retiring = part(parts, "retire", retired, "destroy what is left of tasks, after a store was put back from a backup")
    retiring.add_argument("task", nargs="?", metavar="TASK", help="how its id begins")
    retiring.add_argument("--all", action="store_true", help="every task that was not collected")
    part(parts, "token", token, "make a token for this service and show it once")
    part(parts, "status", status, "how far its tasks are").add_argument("--json", action="store_true", help="as JSON")
    add_serving_options(part(parts, "serve", serving, "serve over plain HTTP; put a proxy that ends TLS in front"))


def part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace, Console], None],
    what: str,
) -> argparse.ArgumentParser:
    """Add an action that works in a working directory."""
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    add_directory_option(command)
    return command


def add_init(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]",
    role: Role,
    run: Callable[[argparse.Namespace, Console], None],
) -> argparse.ArgumentParser:
    """Add the action that makes a working directory."""
    what = f"make a {role}'s working directory, key and store"
    command = parts.add_parser("init", help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("folder", type=Path, metavar="DIR", help="where; it must not be there, or be empty")
    command.add_argument("--name", required=True, help="who runs it, as people are told")
    command.add_argument("--url", required=True, help="its origin, for instance https://leader.example.org")
    return command


def _add(settings: AggregatorSettings, path: Path, console: Console) -> None:
    task = read_task(path)
    places = open_places(settings)
    with places.store:
        pairing = read_pairing(settings.folder / PAIRING_FILE)
        check_task(task, settings, public_key(settings), pairing, places.seconds())
        known = places.add(task)
    told = (
        f"{task.name}: {known.hex}\n{task.text}\nFrom {task.minimum_batch} reports on, with ε = {task.epsilon} and "
        f"δ = {task.delta} an installation."
    )
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    warn(settings, console)


def _retire(settings: AggregatorSettings, options: argparse.Namespace, console: Console) -> None:
    if bool(options.task) == options.all:
        raise MisuseError("say which task: how its id begins, or --all.")
    places = open_places(settings)
    with places.store:
        chosen = [known for known in places.all() if options.all or known.hex.startswith(options.task)]
        if not options.all and len(chosen) != 1:
            raise MisuseError(f"{len(chosen)} tasks begin with {options.task}; {settings.role} status lists them.")
        for known in chosen:
            done = retire(places, known)
            told = f"{known.task.name}: {known.hex}\n{RETIRED if done else 'has ended already; it is as it was.'}"
            console.print(told, markup=False, highlight=False, soft_wrap=True)


def _token(settings: AggregatorSettings, console: Console) -> None:
    note, actor = _TOKENS[settings.role], command_actor(f"{settings.role} token")
    with open_store(settings.store, create=False) as store:
        secret, token = Tokens(store).create("operator", days=TOKEN_DAYS, note=note, actor=actor)
    told = f"A token for {note}, {token.id}, until {token.expires}. It is shown this once:\n\n    {secret}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _status(settings: AggregatorSettings, console: Console, *, as_json: bool) -> None:
    places = open_places(settings)
    with places.store:
        found = [status_of(places, known) for known in places.all()]
    if as_json:
        label = {"development": DEVELOPMENT} if settings.development else {}
        said = {"role": settings.role, "name": settings.name, **label, "tasks": found}
        console.print(msgspec.json.encode(said).decode(), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(_table(settings, found))
    warn(settings, console)


def _table(settings: AggregatorSettings, found: list[TaskStatus]) -> Table:
    table = Table(title=f"{settings.role} {settings.name}", box=box.SIMPLE_HEAD)
    for heading in ("task", "name", "state", "added", "minimum", "waiting", "oldest, s", "note"):
        table.add_column(heading, overflow="fold")
    for each in found:
        numbers = map(str, (each.count, each.minimum_batch, each.waiting, each.oldest_seconds))
        table.add_row(each.task[:12], each.name, each.state, *numbers, each.why or "")
    return table


def _serve(
    settings: AggregatorSettings,
    create: Callable[[AggregatorSettings], ASGIApp],
    options: argparse.Namespace,
    console: Console,
) -> None:
    if options.workers > 1:
        places = open_places(settings)
        with places.store:
            refuse_several(places, "--workers")
    listening = listen(options.host, options.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    warn(settings, console)
    told = f"Serving the {settings.role} {settings.name} at http://{shown}:{port}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    serve(create, settings, listening, options.workers)
