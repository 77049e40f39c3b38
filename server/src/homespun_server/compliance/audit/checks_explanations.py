"""Making recorded lists again from the bundles: the one place here that scores as devices do."""

import tempfile
from contextlib import closing
from pathlib import Path

from homespun.errors import ProofError
from homespun.explain.verifying import Verifier
from homespun.model.bundle import Bundle
from homespun.protocol.records import ExplanationRecord, parse_record
from homespun_server.compliance.audit.contents import BUNDLES, EXPLANATIONS, lines
from homespun_server.compliance.audit.evidence import Evidence


def explanations(evidence: Evidence) -> tuple[int, str]:
    """Make every exported list again."""
    by_bundle: dict[str, list[ExplanationRecord]] = {}
    for _, raw in evidence.below(EXPLANATIONS):
        for line in lines(raw):
            if line.strip():
                record = parse_record(line)
                by_bundle.setdefault(record.bundle, []).append(record)
    for bundle, records in by_bundle.items():
        _check(evidence, bundle, records)
    count = sum(map(len, by_bundle.values()))
    return count, f"lists came out again from {len(by_bundle)} bundles, every score, part, rank and reason"


def _check(evidence: Evidence, name: str, records: list[ExplanationRecord]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for file, raw in evidence.below(f"{BUNDLES}{name}/"):
            Path(folder, file).write_bytes(raw)
        with closing(Bundle.open(folder)) as bundle:
            if bundle.id != name:
                raise ProofError(f"the bundle {name[:12]} was exchanged for {bundle.id[:12]}.")
            for checked in Verifier(bundle).checked(records):
                if checked.problem is not None:
                    raise ProofError(f"list {checked.number} of {name[:12]}: {checked.problem}")
