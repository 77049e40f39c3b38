"""How long one list takes with everything on, beside implicit's bare list and the bare product of the model.

A policy with 50 rules, circumstances, recency, local learning, diversity and exploration; a history of 500 events; a
list of 20 with a reason for each; one thread. Every request has other circumstances, another time and another seed.
Beside it in the same round: implicit's recommend for a user whom it has to fold in, with as many factors, without
rules, titles or reasons; and the arithmetic that nothing avoids, one product of the quantized items with a vector by
onnxruntime. ``decide`` is the list with its reasons; ``recommend`` also reads the profile, as applications do.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import count

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

import homespun as hs
from benchmarks.peers.als import als_with_random_factors, history_row
from benchmarks.ranking.bundles import DIMENSIONS, write_full_bundle
from benchmarks.ranking.everything import EVENTS, RULES, circumstances, everything, history
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun.explain.counterfactual import counterfactual
from homespun.explain.explaining import explain, reasons
from homespun.ranking.decision import Decision, decide
from homespun.ranking.request import Inputs, Request
from homespun.ranking.surfaces import Compiled

CATALOGUES = (10_000, 100_000, 1_000_000)
AIMS = {10_000: 1.0, 100_000: 2.0, 1_000_000: 12.0}
"""Milliseconds of a list with its reasons, median."""

AIM_EXPLAIN, AIM_COUNTERFACTUAL = 2.0, 20.0
AIM_TAIL = 3.0

LENGTH = 20
CALLS = {10_000: 1000, 100_000: 500, 1_000_000: 150}
SEED = 20_130_101

Timings = dict[str, list[float]]


def run(workspace: Workspace) -> list[Section]:
    """Time of one list with everything on beside implicit and the bare product, of explanations and counterfactuals."""
    timings = {}
    with threadpool_limits(1):
        for items in CATALOGUES:
            timings[items] = _timed(items, workspace)
            workspace.observer("time lists", len(timings), len(CATALOGUES))
    return [_lists(timings), _beside(timings), _explanations(timings)]


def _timed(items: int, workspace: Workspace) -> Timings:
    rng = np.random.default_rng(SEED)
    folder = workspace.cache / "ranking-bundles" / str(items)
    write_full_bundle(items, folder, rng, workspace.now())
    with closing(hs.Bundle.open(folder)) as bundle:
        now = workspace.now().timestamp()
        events, policy = history(bundle.items, now, rng), everything(items, rng)
        with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, policy=policy) as me:
            me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=hs.Notice("A measurement."))
            me.record_many(events)
            compiled = Compiled(bundle, policy)
            subjects = _subjects(bundle, me, compiled, events, now)
            return _interleaved(subjects, CALLS[items], workspace)


def _subjects(
    bundle: hs.Bundle, me: hs.Personalizer, compiled: Compiled, events: Sequence[hs.Event], now: float
) -> Mapping[str, Callable[[], object]]:
    """Return what is timed, by name; each call is another request."""
    inputs, numbers = Inputs(events), count()

    def decided() -> Decision:
        number = next(numbers)
        return decide(compiled, inputs, Request.of(LENGTH, now + number, context=circumstances(number), seed=number))

    def listed() -> object:
        return reasons(decided())

    fixed = decided()
    places = np.array([bundle.position(event.item) for event in events])
    rng = np.random.default_rng(SEED)
    model, row = als_with_random_factors(bundle.manifest.items, DIMENSIONS, rng), history_row(places, bundle.size)
    listing = [bundle.items[position] for position in fixed.ranked.positions.tolist()]
    product = _product(bundle.manifest.items, rng)
    return {
        "decide": listed,
        "recommend": lambda: me.recommend(LENGTH, context=circumstances(next(numbers))),
        "implicit": lambda: model.recommend(0, row, N=LENGTH, recalculate_user=True),
        "product": product,
        "explain": lambda: explain(fixed, listing[next(numbers) % len(listing)]),
        "counterfactual": lambda: counterfactual(fixed, listing[next(numbers) % len(listing)]),
    }


def _product(items: int, rng: np.random.Generator) -> Callable[[], object]:
    """Return the quantized product alone: uint8 [1, d] times int8 [d, N], and nothing else."""
    table: NDArray[np.int8] = rng.integers(-127, 128, (DIMENSIONS, items), np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["query", "table"], ["scores"])],
        "product",
        [helper.make_tensor_value_info("query", TensorProto.UINT8, [1, DIMENSIONS])],
        [helper.make_tensor_value_info("scores", TensorProto.INT32, [1, items])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    query = rng.integers(0, 256, (1, DIMENSIONS), np.uint8)
    return lambda: session.run(None, {"query": query})


def _interleaved(subjects: Mapping[str, Callable[[], object]], calls: int, workspace: Workspace) -> Timings:
    """Time single calls, one of each subject in turn, so that a disturbance hits all alike; milliseconds."""
    for subject in subjects.values():
        for _ in range(5):
            subject()
    timings: Timings = {name: [] for name in subjects}
    for _ in range(calls):
        for name, subject in subjects.items():
            if name == "counterfactual" and len(timings[name]) >= calls // 5:
                continue
            start = workspace.clock()
            subject()
            timings[name].append(1e3 * (workspace.clock() - start))
    return timings


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _tail(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.99))


def _verdict(figure: float, aim: float) -> str:
    return "met" if figure <= aim else "not met"


def _lists(timings: Mapping[int, Timings]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for items, timing in timings.items():
        median, tail = _median(timing["decide"]), _tail(timing["decide"])
        whole = timing["recommend"]
        rows.append(
            (
                f"{items:,}",
                median,
                AIMS[items],
                _verdict(median, AIMS[items]),
                tail,
                tail / median,
                _verdict(tail / median, AIM_TAIL),
                _median(whole),
                _tail(whole),
            )
        )
    columns = (
        "items",
        "decide with reasons p50, ms",
        "aim, ms",
        "verdict",
        "p99, ms",
        "p99 / p50",
        "aim 3",
        "recommend p50, ms",
        "recommend p99, ms",
    )
    note = f"{RULES} rules, circumstances, recency, local learning, diversity, exploration, a reason for each of "
    note += f"{LENGTH}; a history of {EVENTS} events; single calls, one thread."
    return Section("One list with everything on", columns, tuple(rows), note)


def _beside(timings: Mapping[int, Timings]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            f"{items:,}",
            _median(timing["implicit"]),
            _median(timing["product"]),
            _median(timing["decide"]) / _median(timing["implicit"]),
            _median(timing["decide"]) / _median(timing["product"]),
        )
        for items, timing in timings.items()
    ]
    columns = ("items", "implicit, ms", "product, ms", "decide / implicit", "decide / product")
    note = (
        "Medians of the same rounds. implicit: recommend with recalculate_user, bare. product: one 8-bit product alone."
    )
    return Section("Beside a peer and the limit", columns, tuple(rows), note)


def _explanations(timings: Mapping[int, Timings]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            f"{items:,}",
            *(
                cell
                for name, aim in (("explain", AIM_EXPLAIN), ("counterfactual", AIM_COUNTERFACTUAL))
                for cell in (
                    _median(timing[name]),
                    _tail(timing[name]),
                    _verdict(_median(timing[name]), aim) if items == CATALOGUES[0] else "–",
                )
            ),
        )
        for items, timing in timings.items()
    ]
    columns = (
        "items",
        "explain p50, ms",
        "explain p99, ms",
        f"aim {AIM_EXPLAIN:g}",
        "counterfactual p50, ms",
        "counterfactual p99, ms",
        f"aim {AIM_COUNTERFACTUAL:g}",
    )
    note = "Of an item of a list of 20. The aims are about 10,000 items."
    return Section("Explanations and counterfactuals", columns, tuple(rows), note)
