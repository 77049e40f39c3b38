"""The whole loop on real data: ratings in, noised sums, a bundle, a device, reasons, erasure, updates, a rollback.

And once more without a table: from devices that keep what they know to themselves.

Usage: python examples/demo.py [FOLDER]     (a minute or two; results stay in FOLDER, ./demo if not given)

MovieTweetings comes with homespun-server. A real operator would publish one of the models; each ε here is an
experiment of its own on public data, and publishing them all would cost the sum of their budgets.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from publishing.publish import program, serving  # type: ignore[import-not-found]  # beside this file
from rich.console import Console
from rich.table import Table

import homespun as hs
from homespun_server.cli.simulate import show
from homespun_server.data import movietweetings
from homespun_server.display import lead, privacy_view, progress, quality_table
from homespun_server.evaluation.comparison import Observer, compare
from homespun_server.evaluation.report import Quality
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.pipeline import fit_content
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.publishing.repository import KeyStore, SignedRepository
from homespun_server.simulation.running import Wanted, simulate
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import HeldOutUser, Likes

EPSILON = 4.0
OTHER_EPSILONS = (1.0, 2.0, 8.0)
OPTIONS = FitOptions(name="Films", min_weight=7.0, test_share=0.1)
EASE_REGULARISATION = (250.0, 500.0)
"""λ tried for the reference: the better half of what a fit's report tries, to save half a minute."""

FLEET = Wanted(
    devices=300,
    epsilon=8.0,
    options=replace(OPTIONS, max_items=60, max_sequence_items=60),
    over_http=True,
    ease_regularisation=EASE_REGULARISATION[:1],
)
"""A few hundred devices, with leader and helper as two programs here, beside the table path over the same people."""

TOO_FEW = (
    "Three hundred people are too few for either path at any ε that promises something: fleets are larger, and the "
    "benchmarks show MovieLens-1M and 70,000 people (docs/benchmarks.md)."
)

TYPICAL_LIKES = range(20, 40)
"""The first held-out person with so many likes is replayed: no better and no worse chosen than that."""

CHANNEL = "films/production"
PASSPHRASE = "correct horse battery staple"  # noqa: S105 - an example's

NOTICE = hs.Notice("Your ratings are kept encrypted on this computer and used to recommend films. They never leave it.")

console = Console()


def main(folder: Path) -> None:
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    with progress(console) as observer, read() as interactions:
        bundles = fit_all(interactions, folder, observer)
        likes = Likes(interactions, min_weight=OPTIONS.min_weight, test_share=OPTIONS.test_share)
        comparison = compare(likes, observer, ease_regularisation=EASE_REGULARISATION)
        measured = [comparison.measure(name, bundle) for name, bundle in bundles.items()]
        quality = comparison.quality(measured).for_the_operator()
        person = next(user for user in list(likes.test_users()) if len(user.fold_in) in TYPICAL_LIKES)
        history = events_of(interactions, person)
        collected = simulate(FLEET, interactions, folder / "fleet", observer)
    console.rule("1. What was learned, and what it cost")
    bundle = hs.Bundle.open(folder_of(EPSILON, folder))
    console.print(privacy_view(bundle.privacy))
    console.rule("2. How good it is")
    console.print(quality_table(quality))
    console.print(verdict(quality), highlight=False)
    console.rule("3. On a device: one of the people whom training never saw")
    on_a_device(bundle, person, history, folder / "profile")
    console.rule("6. Published, taken by a device, and taken back")
    published(folder, bundles["content"], history)
    console.rule("7. Learned from devices: no server sees what anybody likes")
    show(collected, console)
    console.print(TOO_FEW, highlight=False)
    console.print(
        f"\nDone in {time.monotonic() - started:.0f} s. The bundles are in {folder}; their cards are card.md."
    )


def read() -> Interactions:
    tables = movietweetings()
    return Interactions.read(tables.interactions, items=Items.read(tables.items))


def name_of(epsilon: float | None) -> str:
    return "non-private" if epsilon is None else f"private, ε = {epsilon:g}"


def folder_of(epsilon: float | None, folder: Path) -> Path:
    return folder / ("non-private" if epsilon is None else f"private-{epsilon:g}")


def fit_all(interactions: Interactions, folder: Path, observer: Observer) -> Mapping[str, Path]:
    """Make the bundles: content alone, private at several ε, and without privacy."""
    bundles = {"content": fit_content(interactions.items, out=folder / "content", options=OPTIONS)}
    for epsilon in (*sorted((EPSILON, *OTHER_EPSILONS)), None):
        budget = None if epsilon is None else one_off_budget(epsilon, DEFAULT_DELTA)
        bundle = folder_of(epsilon, folder)
        data = FitData(interactions, OPTIONS, budget)
        make_bundle(data, bundle, budget=budget, options=OPTIONS, observer=observer, now=datetime.now(UTC))
        bundles[name_of(epsilon)] = bundle
    return bundles


def verdict(quality: Quality) -> str:
    """Say from which ε the private model beats popularity beyond chance, and where it does not."""
    lines = []
    for epsilon in sorted((EPSILON, *OTHER_EPSILONS)):
        (row,) = (row for row in quality.rows if row.model == name_of(epsilon))
        interval = row.lead_over_popularity
        if interval is None:
            continue
        if interval.low > 0:
            lines.append(f"At ε = {epsilon:g} the private model beats popularity (by {lead(interval)} NDCG@100).")
            return "\n".join(lines)
        lines.append(
            f"At ε = {epsilon:g} the private model does not beat popularity beyond chance ({lead(interval)}): these "
            "people are too few, and like too few films each, for so much noise."
        )
    return "\n".join([*lines, "No ε tried here is enough; more people are needed."])


def events_of(interactions: Interactions, person: HeldOutUser) -> list[hs.Event]:
    """A held-out person's real ratings of the films that the model may be shown, in their order."""
    query = """
        SELECT item_id, weight, time FROM interactions JOIN item_ids USING (item) WHERE user = $user ORDER BY time, row
    """
    rows = interactions.connection.execute(query, {"user": person.user}).fetchall()
    return [hs.Event(item, "rate", time, weight) for item, weight, time in rows if item not in person.held_out]


def on_a_device(bundle: hs.Bundle, person: HeldOutUser, history: list[hs.Event], folder: Path) -> None:
    key = hs.Key.passphrase("a passphrase that only this person knows")
    with hs.Personalizer.open(folder, bundle=bundle, key=key) as me:
        console.print(
            f"Before consent: {me.recommend(1)[0].reason}; on disk: {'something' if folder.exists() else 'nothing'}."
        )
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE, surface="demo")
        for event in history:
            me.record(event.item, event.kind, weight=event.weight, time=event.time)
        recommended = me.recommend(10)
        console.print(f"{len(history)} real ratings replayed. Recommended:")
        console.print(recommendation_table(recommended, person))
        console.print(f"Why {recommended[0].title}? Its score is exactly the sum of:\n", highlight=False)
        console.print(me.explain(recommended[0]).table(rows=8), highlight=False)
        console.rule("4. What is on disk")
        show_disk(folder, [text for event in history for text in (event.item, title_of(bundle, event.item))])
        console.rule("5. Erased, with proof")
        console.print(str(me.erase()), highlight=False)
        left = [path.name for path in folder.rglob("*")] if folder.exists() else []
        console.print(f"Files left: {left or 'none'}. Events left: {len(me.events())}.")
    with hs.Personalizer.open(folder, bundle=bundle, key=key) as again:
        console.print(f"Opened again: {len(again.events())} events; {again.recommend(1)[0].reason}.")


def published(folder: Path, shipped: Path, history: list[hs.Event]) -> None:
    """Publish two versions and a rollback; a device that has a third bundle looks for updates in between."""
    environment = {**os.environ, "HOMESPUN_KEY_PASSPHRASE": PASSPHRASE}
    work = folder / "work"
    subprocess.run([*program(), "init", str(work)], env=environment, check=True, stdout=subprocess.DEVNULL)
    repository = SignedRepository.open(work / "repository", KeyStore(work / "keys", lambda _: PASSPHRASE.encode()))
    table = Table("the operator", "the device", "its first film", "because")
    with serving(work, environment) as url, hs.Bundle.open(shipped) as bundle:
        updates = hs.Updates(url=url, channel=CHANNEL, root=repository.root, folder=folder / "taken")
        with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, updates=updates) as me:
            me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE, surface="demo")
            me.record_many(history)

            def look(what: str) -> None:
                outcome = me.sync(force=True)
                film = me.recommend(1)[0]
                table.add_row(what, str(outcome), film.title, film.reason)

            look("has published nothing yet")
            repository.publish(folder_of(OTHER_EPSILONS[-1], folder), CHANNEL)
            look(f"publishes ε = {OTHER_EPSILONS[-1]:g}")
            repository.publish(folder_of(EPSILON, folder), CHANNEL)
            look(f"publishes ε = {EPSILON:g}")
            repository.rollback(CHANNEL, 1, "to show that it can be")
            look("takes it back: release 3 is release 1's bundle")
            console.print(table)
            console.print(me.ledger.summary(), highlight=False)


def title_of(bundle: hs.Bundle, item: str) -> str:
    return bundle.title(item) if item in bundle else item


def recommendation_table(recommended: list[hs.Recommendation], person: HeldOutUser) -> Table:
    table = Table("film", "score", "reason", "they did like it")
    for entry in recommended:
        table.add_row(entry.title, f"{entry.score:+.3f}", entry.reason, "yes" if entry.item in person.held_out else "")
    return table


def show_disk(folder: Path, secrets: list[str]) -> None:
    """List the profile's files and look for anything readable in them, as `strings` would."""
    table = Table("file", "bytes", f"of {len(secrets)} ids and titles readable")
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        readable = sum(text.encode() in content or text.encode("utf-16-le") in content for text in secrets)
        table.add_row(path.name, f"{len(content):,}", str(readable))
    console.print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))
