"""Rounds low-rank tables to 8 bits: one table of integers serves the history's side and the recommended items'.

Row i of the vectors is rounded to −127..127 with a scale of its own, which the encoder and the decoder absorb.
Columns may be stretched first, which the spectrum takes back; by how much, the measured error decides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.contract import LARGEST
from homespun_server.training.model import LowRank

STRETCHES = (0.0, 0.125, 0.25, 0.375, 0.5)
"""Powers of the spectrum's magnitude by which columns are stretched before rounding, as candidates."""

MEASURED_ITEMS = 5000
"""Items on which the candidates' errors are measured, if there are more."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Quantized:
    """A low-rank table as it is published; S[i, j] = encoder_i · Σ_k q_ik · spectrum_k · q_jk · decoder_j.

    Attributes:
        integers: int8 [N, d], q in −127..127.
        encoder: float32 [N].
        decoder: float32 [N].
        spectrum: float32 [d].
    """

    integers: NDArray[np.int8]
    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    spectrum: NDArray[np.float32]

    @property
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The tensors of the weights file by the last part of their name; integers are offset."""
        return {
            "integers": self.integers,
            "encoder": self.encoder,
            "decoder": self.decoder,
            "spectrum": self.spectrum,
        }


def quantize(table: LowRank) -> Quantized:
    """Round a table with the stretch of the smallest error, as measured on some of its items."""
    measured = _some_items(table)
    candidates = [(squared_error(measured, _quantized(measured, power)), power) for power in STRETCHES]
    return _quantized(table, min(candidates)[1])


def squared_error(table: LowRank, rounded: Quantized) -> float:
    """Return the squared Frobenius norm of what rounding changed in S, up to its own rounding.

    S − Ŝ = AXBᵀ with A = [E, Ê], X = diag(s, −ŝ) and B = [D, D̂], so the squared norm is the trace of
    (AᵀA) X (BᵀB) X: no N × N matrix is needed.
    """
    integers = rounded.integers.astype(np.float64)
    encoders = np.hstack([table.vectors * table.encoder[:, None], integers * rounded.encoder[:, None]])
    decoders = np.hstack([table.vectors * table.decoder[:, None], integers * rounded.decoder[:, None]])
    spectra = np.concatenate([table.spectrum, -rounded.spectrum.astype(np.float64)])
    left, right = encoders.T @ encoders, decoders.T @ decoders
    return float(((left * spectra) * (right * spectra).T).sum())


def _some_items(table: LowRank) -> LowRank:
    """Return the table over as many items as errors are measured on, evenly spread."""
    if table.size <= MEASURED_ITEMS:
        return table
    chosen = np.linspace(0, table.size - 1, MEASURED_ITEMS).astype(np.int64)
    return LowRank(table.name, table.vectors[chosen], table.encoder[chosen], table.decoder[chosen], table.spectrum)


def quantize_rows(rows: Floats) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row to 8 bits, symmetrically.

    Args:
        rows: float64 [V, N].

    Returns:
        int8 [V, N] in −127..127 and float32 [V], so that integers × scale ≈ rows.
    """
    scales = np.abs(rows).max(axis=1, initial=0.0) / LARGEST
    return _rounded(rows, scales), scales.astype(np.float32)


def _quantized(table: LowRank, power: float) -> Quantized:
    magnitude = np.abs(table.spectrum)
    relative = magnitude / max(magnitude.max(), np.finfo(float).tiny)
    # Columns that weigh nothing need no stretch, and those that weigh next to nothing none that overflows.
    stretch = np.where(relative > np.finfo(np.float32).eps, relative, 1.0) ** power
    stretched = table.vectors * stretch
    scales = np.abs(stretched).max(axis=1) / LARGEST
    return Quantized(
        _rounded(stretched, scales),
        (table.encoder * scales).astype(np.float32),
        (table.decoder * scales).astype(np.float32),
        (table.spectrum / stretch**2).astype(np.float32),
    )


def _rounded(rows: Floats, scales: Floats) -> NDArray[np.int8]:
    divisors = np.where(scales > 0, scales, 1.0)[:, None]
    return np.clip(np.rint(rows / divisors), -LARGEST, LARGEST).astype(np.int8)
