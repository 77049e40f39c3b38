"""From devices to a bundle by the commands that its three parties type, with real devices in between.

Usage: python examples/collection/collect.py [FOLDER [DEVICES]]

Publisher and collector, leader, and helper are three parties with a directory each. Here one machine plays all of
them, so everything is labelled as development, and the devices are told to take part all the same.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import homespun as hs

CHANNEL = "films/production"
DEVICES = 24
MINIMUM = 10
EPSILON = {"item-counts": "20", "item-pairs": "40"}
"""So few devices need an ε that promises nothing; see docs/how-to/collect-from-devices.md."""

NOTICE = hs.Notice("What you like is counted together with what others like. Nobody sees what you like by itself.")
PURPOSES = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, hs.Purpose.CONTRIBUTION)
LIMITS = hs.Contributions(task_epsilon=Decimal(40), least_batch=MINIMUM, allow_development=True)
SETTINGS = hs.Settings(lifetime_epsilon=Decimal(60))
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - an example's


def main(folder: Path, devices: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_items(folder / "items.csv")
    parties(folder)
    command(folder, "fit", "--items", "items.csv", "--out", "shipped")
    command(folder, "publish", "shipped/bundle", "--to", CHANNEL, "--in", "publisher")
    with serving(folder) as url, ExitStack() as stack:
        shipped = stack.enter_context(hs.Bundle.open(folder / "shipped/bundle"))
        people = [person(number, folder, url, shipped) for number in range(devices)]
        for device in people:
            stack.enter_context(device)
        command(folder, "collector", "next", "--in", "collector", "--items", "items.csv", "--out", "asked")
        counts = ask("item-counts", folder, people)
        command(
            folder,
            *("collector", "next", "--in", "collector", "--items", "items.csv", "--counts", counts, "--out", "asked"),
            *("--parts", "collaborative"),
        )
        ask("item-pairs", folder, people)
        told = people[0].ledger.table().splitlines()
        print("\nWhat left one device, beside requests for what is signed:")
        print("\n".join(line.rstrip() for line in told if "No." in line or "report/" in line))
    command(folder, "collector", "train", "--in", "collector", "--items", "items.csv", "--out", "learned")


def parties(folder: Path) -> None:
    """Make the publisher's, the collector's, the leader's and the helper's directories."""
    command(folder, "init", "publisher", "--application", "films", "--stages", "production")
    command(folder, "collector", "init", "collector")
    for role, more in (("leader", ["--development"]), ("helper", ["--pairing", "leader/pairing.json"])):
        url = f"http://127.0.0.1:{free_port()}"
        told = command(folder, role, "init", role, "--name", f"The {role}", "--url", url, *more)
        (folder / f"{role}.json").write_text(told[: told.index("}") + 1], encoding="utf-8")
    command(folder, "leader", "pair", "helper.json", "--in", "leader")
    token = found(r"(hsp_\S+)", command(folder, "leader", "token", "--in", "leader"))
    (folder / "leader-token").write_text(token, encoding="ascii")


def ask(name: str, folder: Path, people: list[hs.Personalizer]) -> str:
    """Publish a task, let the devices take part, and collect it; return the task's id."""
    key = command(folder, "collector", "show", "--in", "collector").strip()
    command(
        folder,
        *("task", "new", name, "--declaration", f"asked/{name}/statistic.json"),
        *("--universe", f"asked/{name}/universe.txt", "--text", "What is liked, to suggest better films."),
        *("--epsilon", EPSILON[name], "--minimum", str(MINIMUM), "--delay-hours", "0", "--development"),
        *("--leader", "leader.json", "--helper", "helper.json", "--collector", key, "--out", f"tasks/{name}"),
    )
    for role in ("leader", "helper"):
        command(folder, role, "add", f"tasks/{name}/task.json", "--in", role)
    told = command(folder, "task", "publish", CHANNEL, f"tasks/{name}", "--in", "publisher")
    for number, device in enumerate(people):
        outcome = device.contributions.sync(force=True)
        print(f"Device {number}: {outcome}")
    collect = ("collect", f"tasks/{name}/task.json", "--in", "collector", "--leader-token", "leader-token")
    print(command(folder, *collect))
    return found(r"task's id: ([0-9a-f]{64})", told)


def person(number: int, folder: Path, url: str, shipped: hs.Bundle) -> hs.Personalizer:
    """Open a device of somebody who likes every second film, the even or the odd ones."""
    own = folder / "devices" / str(number)
    root = (folder / "publisher/keys/root.json").read_bytes()
    me = hs.Personalizer.open(
        own / "profile",
        key=hs.Key.bytes(number.to_bytes(32, "big")),  # an example's key; see docs/how-to/keys.md
        bundle=shipped,
        updates=hs.Updates(url=url, channel=CHANNEL, root=root, folder=own / "taken"),
        contributions=LIMITS,
        settings=SETTINGS,
    )
    me.consent.grant(*PURPOSES, notice=NOTICE, surface="example")
    for film in range(number % 2, 12, 2):
        me.record(f"film-{film}", "view")
    return me


def write_items(path: Path) -> None:
    rows = (f"film-{number},Film {number},{'odd' if number % 2 else 'even'}|film" for number in range(12))
    path.write_text("item,title,tags\n" + "\n".join(rows) + "\n", encoding="utf-8")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run helper, leader and the publisher's service; yield the signed repository's URL."""
    ports = {"helper": port_in(folder / "helper.json"), "leader": port_in(folder / "leader.json"), "publisher": "0"}
    with ExitStack() as stack:
        lines = {}
        for role, port in ports.items():
            words = ["serve"] if role == "publisher" else [role, "serve"]
            lines[role] = stack.enter_context(running([*words, "--in", role, "--port", port], folder))
        yield found(r"(http://[\w.:\[\]]+)", lines["publisher"]) + "/repository"


@contextmanager
def running(arguments: list[str], folder: Path) -> Iterator[str]:
    """Run a service; yield the line by which it says that it serves."""
    print(f"\n$ homespun-server {' '.join(arguments)} &", flush=True)
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as service:
        try:
            yield next(line for line in service.stdout or () if "http://" in line)
        finally:
            service.terminate()


def command(folder: Path, *arguments: str) -> str:
    print(f"\n$ homespun-server {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        [*PROGRAM, *arguments], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return done.stdout


def port_in(path: Path) -> str:
    return found(r"127\.0\.0\.1:(\d+)", path.read_text(encoding="utf-8"))


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"nothing like {pattern} in what was said:\n{text}")
    return match[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


PROGRAM = (sys.executable, "-m", "homespun_server.cli")
ENVIRONMENT = {**os.environ, "HOMESPUN_KEY_PASSPHRASE": PASSPHRASE, "COLUMNS": "120"}

if __name__ == "__main__":
    started = time.monotonic()
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path("collection"),
        int(sys.argv[2]) if len(sys.argv) > 2 else DEVICES,
    )
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
