"""A second, slow way to read a bundle's weights: number by number, from the file and the contract's prose alone."""

import struct
from pathlib import Path

import numpy as np
import onnx

Matrix = np.ndarray

_FORMATS = {onnx.TensorProto.FLOAT: "<f4", onnx.TensorProto.INT32: "<i4", onnx.TensorProto.UINT8: "u1"}
_FORMATS[onnx.TensorProto.INT8] = "i1"


def tensors(folder: Path) -> dict[str, Matrix]:
    """Every tensor of ``weights.bin`` that a graph names."""
    content = (folder / "weights.bin").read_bytes()
    found = {}
    for name in ("propose.onnx", "rows.onnx"):
        for tensor in onnx.ModelProto.FromString((folder / name).read_bytes()).graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            if place:
                start, length = int(place["offset"]), int(place["length"])
                raw = np.frombuffer(content[start : start + length], _FORMATS[tensor.data_type])
                found[tensor.name] = raw.reshape(tuple(tensor.dims))
    return found


def low_rank(weights: dict[str, Matrix], name: str) -> Matrix:
    """S, float64 [N, N]."""
    rows = weights[f"{name}.integers"].astype(float)
    encoder, decoder, spectrum = (
        weights[f"{name}.{part}"].astype(float) for part in ("encoder", "decoder", "spectrum")
    )
    found: Matrix = encoder[:, None] * ((rows * spectrum) @ rows.T) * decoder
    return found


def sparse(weights: dict[str, Matrix], name: str) -> Matrix:
    """S, float64 [N, N]."""
    starts, bases, gaps, codes, levels = (
        weights[f"{name}.{part}"] for part in ("starts", "bases", "gaps", "codes", "levels")
    )
    size = starts.size - 1
    found = np.zeros((size, size))
    for row in range(size):
        for block in range(int(starts[row]), int(starts[row + 1])):
            column = int(bases[block])
            for place in range(16):
                column += int(gaps[block, place])
                found[row, column] += float(levels[_code(codes[block], place)])
    return found


def floats(values: Matrix) -> list[float]:
    """What float32 makes of float64."""
    return [struct.unpack("<f", struct.pack("<f", value))[0] for value in values]


def _code(codes: Matrix, place: int) -> int:
    if codes.size == 16:
        return int(codes[place])
    return int(codes[place]) % 16 if place < 8 else int(codes[place - 8]) // 16
