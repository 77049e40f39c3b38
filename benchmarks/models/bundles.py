"""Fits bundles on a split, and asks them by the client's own code."""

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.models.dividing import Divided
from benchmarks.models.ranked import Ranked, rank
from benchmarks.workspace import Workspace
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import MODEL_FILES
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.proposal import proposal_recall
from homespun_server.evaluation.recommenders import BundleRecommender
from homespun_server.learning import FitData, FitOptions, Learned, Validation, make_bundle
from homespun_server.pipeline import fit_content
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA

PROPOSED = 20
MOST_PROPOSALS = 2000
"""Cases on which proposals are checked, the first."""


@dataclass(frozen=True)
class Fitted:
    """A bundle on disk, and what it was learned from."""

    name: str
    folder: Path
    options: FitOptions
    learned: Learned | None


@dataclass(frozen=True)
class Measured:
    """A bundle's lists, and facts about it.

    Attributes:
        ranked: Its lists.
        allowed_bytes: What its model files were allowed.
        items: In the model.
        sizes: What it is made of.
        proposal_recall: Share of the exact first 20 that its proposals hold.
    """

    ranked: Ranked
    allowed_bytes: int
    items: int
    sizes: str
    proposal_recall: float


def fit(
    name: str,
    split: Divided,
    options: FitOptions,
    workspace: Workspace,
    *,
    epsilon: float | None = None,
    validation: Validation | None = None,
) -> Fitted:
    """Fit a bundle to what trains; whom the split keeps aside is not in it.

    Args:
        name: The bundle's name.
        split: The split.
        options: The fit's; nobody is kept aside once more.
        workspace: Its clock and observer are used.
        epsilon: ε per user; None: without noise.
        validation: How to learn the blend, within what trains.
    """
    budget = None if epsilon is None else one_off_budget(epsilon, DEFAULT_DELTA)
    options = replace(options, name=name, test_share=0.0)
    folder = split.folder / "bundles" / slug(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    learned, _ = make_bundle(
        FitData(split.training, options, budget),
        folder,
        budget=budget,
        options=options,
        observer=workspace.observer,
        now=workspace.now(),
        validation=validation,
    )
    return Fitted(name, folder, options, learned)


def fit_of_content(name: str, split: Divided, workspace: Workspace) -> Fitted:
    """Make a bundle of the catalogue alone: the cosine of words, tags and attributes."""
    options = FitOptions(name=name, test_share=0.0)
    folder = fit_content(split.items, out=split.folder / "content", options=options, clock=workspace.now)
    return Fitted(name, folder, options, None)


def measure(
    fitted: Fitted,
    split: Divided,
    depth: int,
    workspace: Workspace,
    *,
    exclude: Collection[str] = frozenset(),
    note: str = "",
) -> Measured:
    """Ask a bundle for all cases of its split."""
    with closing(BundleRecommender(fitted.folder, repeats=split.split.repeats, exclude=exclude)) as model:
        size = bytes_of(fitted.folder)
        ranked = rank(
            fitted.name, model, split.cases, depth, workspace.observer, model_bytes=size, note=note or told(fitted)
        )
        kept = proposals(model.bundle, split.cases, repeats=split.split.repeats)
        return Measured(ranked, fitted.options.model_bytes, model.bundle.manifest.items, made_of(model.bundle), kept)


def proposals(bundle: Bundle, cases: Sequence[Case], *, repeats: bool) -> float:
    """Return the share of the exact first 20 that a bundle's proposals hold."""
    return proposal_recall(bundle, cases, PROPOSED, repeats=repeats, most=MOST_PROPOSALS)


def bytes_of(folder: Path) -> int:
    """Return the bytes of a bundle's model files."""
    return sum((folder / name).stat().st_size for name in MODEL_FILES)


def made_of(bundle: Bundle) -> str:
    """Return what a bundle's components are made of."""
    parts = []
    for part in bundle.manifest.components:
        sizes = [f"rank {part.dimensions}"] if part.low_rank is not None else []
        sizes += [f"{part.blocks:,} blocks of {part.bits} bits"] if part.sparse is not None else []
        parts.append(f"{part.name} ({' + '.join(sizes)})")
    return ", ".join(parts)


def told(fitted: Fitted) -> str:
    """Return how a bundle's terms were weighed."""
    learned = fitted.learned
    if learned is None:
        return "from the catalogue alone"
    if learned.tuned is None:
        return "blend fixed a priori"
    tuned = learned.tuned.for_the_operator()
    scored = "" if tuned.scorer is None else f", pairs scored by {tuned.scorer}"
    return f"blend learned on {tuned.cases:,} validation cases{scored}"


def slug(name: str) -> str:
    """Return a name as part of a path, on any system."""
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.replace("ε", "eps"))
    return "-".join(part for part in kept.lower().split("-") if part)
