"""From a device's record of why films were listed to an audit bundle that verifies with no network and no database.

Usage: python examples/audit/audit.py [FOLDER]     (results stay in FOLDER, ./audit if not given)
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import homespun as hs
from homespun.model.sample import sample_folder

NOTICE = hs.Notice(
    "Films you rate are kept encrypted on this computer, to recommend others, together with a record of why each one "
    "was recommended, which you can hand to whoever checks it."
)
CONTROLLER = """
[compliance.controller]
name = "Films Ltd"
address = "1 Example Street, Example"
contact = "privacy@example.org"
"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # An operator keeps it in a password manager and hands it to programs by their environment.
    environment = {**os.environ, "HOMESPUN_KEY_PASSPHRASE": "correct horse battery staple", "PYTHONUTF8": "1"}

    def operator(command: str, *, fails: bool = False) -> str:
        print(f"\n$ homespun-server {command}", flush=True)
        done = subprocess.run(
            [*program(), *shlex.split(command)],
            cwd=folder, env=environment, check=False, encoding="utf-8", stdout=subprocess.PIPE,
        )  # fmt: skip
        print(done.stdout, end="", flush=True)
        if (done.returncode != 0) is not fails:
            raise SystemExit(f"homespun-server {command} ended with {done.returncode}")
        return done.stdout

    shutil.copytree(sample_folder(), folder / "bundle", dirs_exist_ok=True)
    operator("init work --application films")
    keys = operator("compliance status --in work")
    with (folder / "work/homespun.toml").open("a", encoding="utf-8") as settings:
        settings.write(CONTROLLER)
    added = operator("registry add bundle --note 'the one that devices have' --in work")
    operator(f"registry move {added.split()[-1]} production --why 'devices have it from the beginning' --in work")
    device(folder)
    operator("explanation verify decisions.jsonl --bundle bundle")
    operator("explanation export decisions.jsonl --bundle bundle --out why.html")
    operator("explanation export decisions.jsonl --bundle bundle --out why.de.pdf --format pdf --language de")
    operator("document art-30 --in work --out record-of-processing.pdf --format pdf")
    operator("audit export --since 2020-01-01 --explanations decisions.jsonl --out audit.zip --in work")
    # An auditor has the public keys from elsewhere, and the file; nothing else.
    pins = f"--log-key {key(keys, 'log')} --receipts-key {key(keys, 'receipts')} --root work/keys/root.json"
    operator(f"audit verify audit.zip {pins}")
    change(folder / "audit.zip", folder / "changed.zip")
    operator(f"audit verify changed.zip {pins}", fails=True)


def device(folder: Path) -> None:
    """What one person does: they allow it, rate films, ask for lists, and hand over why they were as they were."""
    with hs.Personalizer.open(folder / "profile", key=hs.Key.passphrase("only for this example")) as me:
        purposes = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, hs.Purpose.EXPLANATION_LOG)
        me.consent.grant(*purposes, notice=NOTICE)
        me.record("tt1375666", kind="rate", weight=9.0)
        for film in ("tt0468569", "tt0816692"):
            best, *_ = me.recommend(5)
            print(f"\nOn a device: {best.title}, {best.reason}")
            me.record(film, kind="rate", weight=10.0)
        kept = me.decisions.export(folder / "decisions.jsonl")
        print(f"On a device: {kept} lists are handed over, with everything that they were made from")


def change(source: Path, target: Path) -> None:
    """Change one number in what a record says, and nothing else."""
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.startswith("explanations/"):
                content = content.replace(b'"candidates":300', b'"candidates":301', 1)
            new.writestr(member, content)


def key(told: str, name: str) -> str:
    """Return a public key that the operator publishes."""
    found = re.search(rf"^{name}\s+([0-9a-f]{{64}})$", told, re.MULTILINE)
    if found is None:
        raise SystemExit(f"no key called {name} was told")
    return found[1]


def program() -> list[str]:
    return [sys.executable, "-m", "homespun_server.cli"]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "audit").resolve())
