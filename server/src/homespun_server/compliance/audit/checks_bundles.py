"""Checks of bundles: cards against manifests, releases and the log; manifests against the signed repository."""

import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from homespun.errors import ProofError
from homespun.protocol.bundle import CARD_DATA, MANIFEST, Manifest
from homespun.protocol.channel import file_path
from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun_server.compliance.audit.contents import (
    REPOSITORY,
    CardInShort,
    LineageInShort,
    Registered,
    decoded,
)
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.log.found import bundle_content, override_contents
from homespun_server.privacy.ledger.state import RecordedSpend
from homespun_server.privacy.spend import COLLECTED, cost
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.publishing.repository.layout import Layout
from homespun_server.publishing.repository.state import State, load, parse_root

_FIRST_ROOT = "metadata/1.root.json"
_ROUNDING = Decimal("1.0011")
"""Cards state ρ and ε with four digits, rounded up."""


def registry(evidence: Evidence) -> tuple[int, str]:
    """Check that the log knows every registered bundle with this card, lineage and gates, and that all are here."""
    known = {str(said["bundle"]): said for said in evidence.said_of("bundle")}
    deleted = _deleted(evidence)
    for each in evidence.registered:
        texts = {"id": each.bundle, "card": each.card, "lineage": each.lineage, "gates": each.gates}
        if known.get(each.bundle) != bundle_content(texts):
            raise ProofError(
                f"the bundle {each.bundle[:12]} has another card, lineage or gates than when it was logged."
            )
    missing = sorted(known.keys() - deleted - {each.bundle for each in evidence.registered})
    if missing:
        raise ProofError(f"the log knows {len(missing)} bundles that are not here, {missing[0][:12]} among them.")
    gone = len(known) - len(evidence.registered)
    return len(evidence.registered), f"registered bundles are as they were logged; {gone} more were deleted as drafts"


def overrides(evidence: Evidence) -> tuple[int, str]:
    """Check that every gate that was let pass is in the log, and on the card."""
    known = evidence.said_of("override")
    deleted = _deleted(evidence)
    here = {each.bundle for each in evidence.registered}
    ours = [said for each in evidence.registered for said in override_contents(each.bundle, each.gates)]
    hidden = [said for said in known if said not in ours and (said["bundle"] in here or said["bundle"] not in deleted)]
    unlogged = [said for said in ours if said not in known]
    if hidden or unlogged:
        what = "hidden" if hidden else "not in the log"
        raise ProofError(f"the override of the gate {(hidden or unlogged)[0]['gate']} is {what}.")
    for each in evidence.registered:
        card = decoded(evidence.bundle_file(each.bundle, CARD_DATA), CardInShort, "a card")
        told = {gate.name: gate.override for gate in card.gates if not gate.passed}
        said = {str(one["gate"]): one["reason"] for one in ours if one["bundle"] == each.bundle}
        # A bundle that was registered by hand has no gates on its card.
        if card.gates and told != said:
            raise ProofError(f"the card of {each.bundle[:12]} tells something else of the gates than the registry.")
    drafts = f"; {len(known) - len(ours)} more were of drafts that were deleted" if len(known) > len(ours) else ""
    return len(ours), f"overrides of gates are in the log and on the cards{drafts}"


def cards(evidence: Evidence) -> tuple[int, str]:
    """Check every card against its bundle's manifest, and its figures against the ledgers."""
    released = {
        each.released: each
        for ledger in evidence.ledgers
        for each in ledger.book.state(0).spends
        if each.released is not None
    }
    traced = untraced = 0
    for each in evidence.registered:
        card = _card(evidence, each)
        _check_figures(card)
        found = _check_traced(card, decoded(each.lineage, LineageInShort, "a lineage"), released)
        traced, untraced = traced + found, untraced + (card.privacy.kind == "differential_privacy" and not found)
    return len(evidence.registered), (
        f"cards are their bundles' own, and their ε follows from their σ; {traced} releases behind them are in the "
        f"ledgers, and {untraced} private cards were made elsewhere: what those cost nobody here can say"
    )


def signed(evidence: Evidence) -> tuple[int, str]:
    """Check the bundles that are in force against the signed repository, up to the root."""
    files = dict(evidence.below(REPOSITORY))
    if not files:
        if evidence.pins.root is not None:
            raise ProofError("a root is pinned, and the signed repository that it began is not here.")
        return 0, "channels: there is no signed repository"
    root = evidence.pins.root or files.get(_FIRST_ROOT)
    if root is None:
        raise ProofError("the signed repository has no root.")
    version = parse_root(root).signed.version
    if files.get(f"metadata/{version}.root.json", root) != root:
        raise ProofError(f"the root of version {version} is another than the pinned one.")
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        state = load(Layout(Path(folder)), root, None)
    bundles = sum(_check_channel(evidence, state, channel) for channel in state.channels)
    return bundles, f"bundles on {len(state.channels)} channels are signed up to the root"


def _deleted(evidence: Evidence) -> set[str]:
    """Return the bundles that were deleted as drafts, and not registered again since."""
    added = {str(said["bundle"]): at for at, said in sorted(evidence.said_at("bundle").items())}
    return {
        str(said["bundle"])
        for at, said in evidence.said_at("draft deleted").items()
        if at > added.get(str(said["bundle"]), -1)
    }


def _check_channel(evidence: Evidence, state: State, channel: str) -> int:
    files, known = state.files(channel), {each.bundle for each in evidence.registered}
    for release in state.documents[channel].releases:
        target = files.get(file_path(channel, release.bundle, MANIFEST))
        if target is None or target.sha256 != release.bundle:
            raise ProofError(f"release {release.number} of {channel} names a bundle whose manifest nobody signed.")
        if release.bundle not in known:
            raise ProofError(f"release {release.number} of {channel} is a bundle that is not in the registry.")
        manifest = _manifest(evidence, release.bundle)
        card = files.get(file_path(channel, manifest.files[CARD_DATA].sha256, CARD_DATA))
        if card is None or card.sha256 != sha256(evidence.bundle_file(release.bundle, CARD_DATA)):
            raise ProofError(f"the card of release {release.number} of {channel} is another than was signed.")
    return len(state.documents[channel].releases)


def _manifest(evidence: Evidence, bundle: str) -> Manifest:
    raw = evidence.bundle_file(bundle, MANIFEST)
    if sha256(raw) != bundle:
        raise ProofError(f"the manifest of {bundle[:12]} is another bundle's: it was swapped or changed.")
    return decoded(raw, Manifest, "a bundle's manifest")


def _card(evidence: Evidence, each: Registered) -> CardInShort:
    manifest, raw = _manifest(evidence, each.bundle), evidence.bundle_file(each.bundle, CARD_DATA)
    if manifest.files[CARD_DATA].sha256 != sha256(raw):
        raise ProofError(f"the card of {each.bundle[:12]} is not the one that its manifest lists.")
    card = decoded(raw, CardInShort, "a card")
    kept, own = (decoded(text, dict[str, object], "a card") for text in (each.card, raw))
    if card.privacy != manifest.privacy or kept != own:
        raise ProofError(f"the card of {each.bundle[:12]} says something else than its manifest or the registry.")
    return card


def _check_figures(card: CardInShort) -> None:
    privacy = card.privacy
    for entry in privacy.releases:
        if entry.rho is None or entry.mechanism == "none":
            continue
        # Where two added noise, what is stated is all of it, and charged is one of them.
        double = 2 if entry.mechanism == COLLECTED else 1
        exact = Fraction(entry.l2_bound**2 * double) / (2 * Fraction(entry.sigma) ** 2)
        if not exact <= Fraction(entry.rho) <= exact * Fraction(_ROUNDING):
            raise ProofError(
                f"the card of {card.name} states ρ = {entry.rho} for {entry.statistic}, which σ does not cost."
            )
    if privacy.epsilon is None or privacy.rho is None or privacy.delta is None:
        return
    tasks = sum(entry.mechanism == COLLECTED for entry in privacy.releases)
    delta = float(privacy.delta) - tasks * NORM_PROOF_DELTA
    least, most = (epsilon_of(float(privacy.rho / divisor), delta) for divisor in (_ROUNDING, Decimal(1)))
    if not least <= float(privacy.epsilon) <= most * float(_ROUNDING):
        raise ProofError(
            f"the card of {card.name} states ε = {privacy.epsilon}, and ρ = {privacy.rho} comes to {most:.4g} at its δ."
        )


def _check_traced(card: CardInShort, lineage: LineageInShort, released: dict[str, RecordedSpend]) -> int:
    wanted = (*lineage.releases, *lineage.measured)
    private = [each for each in wanted if card.privacy.kind == "differential_privacy"]
    for each in private:
        found = released.get(each.sha256)
        if found is None or Fraction(each.rho) != found.spend.rho:
            raise ProofError(
                f"the release {each.sha256[:12]} behind {card.name} is in no ledger, or cost something else."
            )
    if private and card.privacy.rho is not None:
        spent = cost(released[each.sha256].spend for each in lineage.releases)
        if spent > Fraction(card.privacy.rho):
            raise ProofError(f"the card of {card.name} states less than its releases cost.")
    return len(private)
