"""Graphs that ask for more than arithmetic on the weights beside them are never handed to onnxruntime."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from homespun.errors import BundleIntegrityError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.graph import MAX_GRAPH_BYTES, MAX_INLINE_BYTES, MAX_PARTS
from homespun.protocol.bundle import PROPOSE, ROWS, WEIGHTS
from tests.sdk import bundles
from tests.sdk.bundles import set_place, weight_named

Change = Callable[[onnx.ModelProto], object]
SCALES = "content.decoder"


def refused(folder: Path, name: str, change: Change, match: str) -> None:
    bundles.edit_graph(folder, name, change)
    with pytest.raises(ModelContractError, match=match):
        Bundle.open(folder)


def add_node(operator: str, *, domain: str = "", **attributes: Any) -> Change:
    return lambda model: model.graph.node.append(
        helper.make_node(operator, ["bias"], [f"new.{operator}"], domain=domain, **attributes)
    )


@pytest.mark.parametrize("name", [PROPOSE, ROWS])
@pytest.mark.parametrize("operator", ["If", "Loop", "Scan", "Identity", "RandomNormal", "Where", "add", "Add\0"])
def test_an_operator_that_is_not_on_the_list_runs(tampered: Path, name: str, operator: str) -> None:
    refused(tampered, name, add_node(operator), "allow-list")


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "ai.onnx"])
def test_an_allowed_name_in_a_foreign_domain_runs(tampered: Path, domain: str) -> None:
    refused(tampered, PROPOSE, add_node("Add", domain=domain), "allow-list")


def test_a_foreign_domain_is_imported(tampered: Path) -> None:
    def replace(model: onnx.ModelProto) -> None:
        model.opset_import[0].domain = "com.microsoft"

    refused(tampered, PROPOSE, replace, "outside the standard")


def test_a_second_domain_is_imported(tampered: Path) -> None:
    refused(
        tampered, PROPOSE, lambda model: model.opset_import.append(helper.make_opsetid("x", 1)), "'opset_import' where"
    )


def test_a_function_hides_operators(tampered: Path) -> None:
    body = [helper.make_node("Loop", ["a"], ["b"])]
    function = helper.make_function("x", "Add", ["a"], ["b"], body, [helper.make_opsetid("", 21)])
    refused(tampered, ROWS, lambda model: model.functions.append(function), "model uses field 25")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("t", helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])),
        ("g", helper.make_graph([helper.make_node("Loop", [], ["x"])], "g", [], [])),
        ("graphs", [helper.make_graph([], "g", [], [])]),
        ("strings", [b"../secret"]),
        ("f", 1.0),
        ("floats", [1.0]),
    ],
)
def test_an_attribute_carries_more_than_integers_and_text(tampered: Path, field: str, value: Any) -> None:
    def smuggle(model: onnx.ModelProto) -> None:
        content: dict[str, Any] = {field: value}
        carrier = onnx.AttributeProto(name="x", **content)
        model.graph.node[0].attribute.append(carrier)

    refused(tampered, ROWS, smuggle, "attribute uses field")


@pytest.mark.parametrize(
    ("text", "match"),
    [(b"mul", "connected otherwise"), (b"", "connected otherwise"), (b"a" * 65, "short text"), (b"\xff", "UTF-8")],
)
def test_an_attributes_text_is_not_the_contracts(full: Path, text: bytes, match: str) -> None:
    def change(model: onnx.ModelProto) -> None:
        scatter = next(node for node in model.graph.node if node.op_type == "ScatterElements")
        next(attribute for attribute in scatter.attribute if attribute.name == "reduction").s = text

    refused(full, PROPOSE, change, match)


def test_an_attribute_names_something_where_the_contract_has_none(tampered: Path) -> None:
    carrier = onnx.AttributeProto(name="x", s=b"../secret", type=onnx.AttributeProto.STRING)
    refused(tampered, ROWS, lambda model: model.graph.node[0].attribute.append(carrier), "connected otherwise")


@pytest.mark.parametrize("kind", [onnx.AttributeProto.STRING, onnx.AttributeProto.INT, onnx.AttributeProto.INTS])
def test_an_attribute_is_a_number_and_a_text(tampered: Path, kind: Any) -> None:
    carrier = onnx.AttributeProto(name="x", s=b"add", i=1, type=kind)
    refused(tampered, ROWS, lambda model: model.graph.node[0].attribute.append(carrier), "not a whole number")


def test_an_attribute_refers_to_a_function(tampered: Path) -> None:
    def refer(model: onnx.ModelProto) -> None:
        model.graph.node[0].attribute.append(onnx.AttributeProto(name="x", ref_attr_name="y"))

    refused(tampered, ROWS, refer, "attribute uses field 21")


def test_a_sparse_weight_is_used(tampered: Path) -> None:
    sparse = onnx.SparseTensorProto(dims=[2])
    sparse.values.CopyFrom(helper.make_tensor("sparse", TensorProto.FLOAT, [1], [1.0]))
    refused(tampered, ROWS, lambda model: model.graph.sparse_initializer.append(sparse), "graph uses field 15")


def test_metadata_and_training_fields_are_carried(tampered: Path) -> None:
    refused(tampered, ROWS, lambda model: model.metadata_props.add(key="k", value="v"), "model uses field 14")


def test_training_code_is_carried(tampered: Path) -> None:
    refused(tampered, ROWS, lambda model: model.training_info.add(), "model uses field 20")


@pytest.mark.parametrize(
    "location",
    [
        "../x",
        "../" + WEIGHTS,
        "/etc/passwd",
        WEIGHTS + "/../x",
        "./" + WEIGHTS,
        "C:\\Windows\\win.ini",
        "C:" + WEIGHTS,
        "\\\\server\\share\\x",
        "file:///etc/passwd",
        "https://example.invalid/x",
        WEIGHTS.upper(),
        WEIGHTS + "\0",
        "",
        "catalogue.sqlite",
        "*/_ORT_MEM_ADDR_/*",
    ],
)
@pytest.mark.parametrize("name", [PROPOSE, ROWS])
def test_a_weight_is_read_from_outside_the_bundle(tampered: Path, name: str, location: str) -> None:
    refused(tampered, name, lambda model: set_place(weight_named(model, SCALES), location=location), "only weights.bin")


@pytest.mark.parametrize("key", ["location", "offset", "length"])
def test_a_weight_does_not_say_where_it_lies(tampered: Path, key: str) -> None:
    def forget(model: onnx.ModelProto) -> None:
        tensor = weight_named(model, SCALES)
        kept = [entry for entry in tensor.external_data if entry.key != key]
        del tensor.external_data[:]
        tensor.external_data.extend(kept)

    refused(tampered, ROWS, forget, "does not say where")


@pytest.mark.parametrize("key", ["location", "checksum"])
def test_a_weight_says_twice_or_too_much_where_it_lies(tampered: Path, key: str) -> None:
    refused(
        tampered,
        ROWS,
        lambda model: weight_named(model, SCALES).external_data.add(key=key, value=WEIGHTS),
        "does not say where",
    )


@pytest.mark.parametrize("value", ["-1", "+0", " 0", "0x10", "1e3", "", "٣", "9" * 19, "9" * 100_000, "0.0", "1_0"])
@pytest.mark.parametrize("key", ["offset", "length"])
def test_an_offset_is_not_a_plain_number(tampered: Path, key: str, value: str) -> None:
    refused(tampered, ROWS, lambda model: set_place(weight_named(model, SCALES), **{key: value}), "offset or length")


@pytest.mark.parametrize(
    "place",
    [
        {"offset": 1 << 40},
        {"offset": 999_999_999_999_999_999},
        {"length": 999_999_999_999_999_999},
        {"length": 0},
        {"length": 159},
        {"offset": 65},
    ],
)
def test_a_weight_lies_beyond_the_file_or_is_not_its_shape(tampered: Path, place: dict[str, int]) -> None:
    refused(tampered, ROWS, lambda model: set_place(weight_named(model, SCALES), **place), "does not lie inside")


def test_a_weight_ends_one_element_after_the_file(tampered: Path) -> None:
    size = (tampered / WEIGHTS).stat().st_size
    refused(
        tampered, ROWS, lambda model: set_place(weight_named(model, SCALES), offset=size - 156), "does not lie inside"
    )


@pytest.mark.parametrize(
    ("dims", "match"),
    [
        ([-1], "negative"),
        ([-(1 << 63)], "negative"),
        ([-40, -1], "negative"),
        ([1 << 62], "does not lie inside"),
        ([1 << 32, 1 << 32], "does not lie inside"),  # the product is 2⁶⁴, which is 0 in 64 bits
        ([(1 << 62) + 40, 4], "does not lie inside"),
        ([41], "does not lie inside"),
        ([39], "does not lie inside"),
        ([1, 1, 1, 1, 40], "more than 4"),
        ([1] * 100_000, "more than"),
    ],
)
def test_a_weight_has_impossible_dimensions(tampered: Path, dims: list[int], match: str) -> None:
    def reshape(model: onnx.ModelProto) -> None:
        tensor = weight_named(model, SCALES)
        del tensor.dims[:]
        tensor.dims.extend(dims)

    refused(tampered, ROWS, reshape, match)


@pytest.mark.parametrize(
    "element", [TensorProto.STRING, TensorProto.DOUBLE, TensorProto.INT16, TensorProto.UNDEFINED, 9999]
)
def test_a_weight_has_a_foreign_element_type(tampered: Path, element: int) -> None:
    def retype(model: onnx.ModelProto) -> None:
        weight_named(model, SCALES).data_type = element

    refused(tampered, ROWS, retype, "element type")


def test_a_weight_is_inside_and_outside(tampered: Path) -> None:
    def both(model: onnx.ModelProto) -> None:
        weight_named(model, SCALES).raw_data = bytes(160)

    refused(tampered, ROWS, both, "both inside and outside")


def test_a_weight_claims_to_be_inside_but_names_a_file(tampered: Path) -> None:
    def inside(model: onnx.ModelProto) -> None:
        weight_named(model, SCALES).data_location = TensorProto.DEFAULT

    refused(tampered, ROWS, inside, "no clear place")


def test_weights_lie_on_top_of_each_other_to_cost_more_than_the_file(tampered: Path) -> None:
    def pile(model: onnx.ModelProto) -> None:
        for number in range(100):
            model.graph.initializer.add().CopyFrom(weight_named(model, "content.integers"))
            model.graph.initializer[-1].name = f"copy {number}"

    refused(tampered, ROWS, pile, "larger than weights.bin")


def test_a_large_weight_hides_inside_the_graph(tampered: Path) -> None:
    constant = numpy_helper.from_array(np.zeros(MAX_INLINE_BYTES // 4 + 1, np.float32), "large")
    refused(tampered, ROWS, lambda model: model.graph.initializer.append(constant), f"at most {MAX_INLINE_BYTES}")


def test_a_constant_is_shorter_than_its_shape(tampered: Path) -> None:
    def shorten(model: onnx.ModelProto) -> None:
        weight_named(model, "one").raw_data = b"\0"

    refused(tampered, ROWS, shorten, "its shape demands 8")


def test_a_constant_is_stored_as_a_list_that_is_not_checked(tampered: Path) -> None:
    constant = helper.make_tensor("list", TensorProto.FLOAT, [2], [1.0, 2.0])
    refused(tampered, ROWS, lambda model: model.graph.initializer.append(constant), "tensor uses field 4")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [PROPOSE, ROWS])
def test_a_weight_in_the_file_is_not_finite(tampered: Path, name: str, value: float) -> None:
    model = onnx.ModelProto.FromString((tampered / name).read_bytes())
    offset = int(bundles.place_of(weight_named(model, SCALES))["offset"]) + 4 * 39
    bundles.edit_file(
        tampered, WEIGHTS, lambda content: content[:offset] + struct.pack("<f", value) + content[offset + 4 :]
    )
    with pytest.raises(ModelContractError, match="NaN or infinity"):
        Bundle.open(tampered)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_constant_in_the_graph_is_not_finite(tampered: Path, value: float) -> None:
    def poison(model: onnx.ModelProto) -> None:
        padding = weight_named(model, "padding")
        padding.raw_data = padding.raw_data[:-4] + struct.pack("<f", value)

    refused(tampered, PROPOSE, poison, "NaN or infinity")


@pytest.mark.parametrize("version", [22, 1 << 40, 0, -1])
def test_the_opset_is_not_one_that_was_reviewed(tampered: Path, version: int) -> None:
    def advance(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version

    refused(tampered, ROWS, advance, "opset")


@pytest.mark.parametrize("version", [11, 1 << 40, 0, -1])
def test_the_ir_version_is_not_one_that_was_reviewed(tampered: Path, version: int) -> None:
    def advance(model: onnx.ModelProto) -> None:
        model.ir_version = version

    refused(tampered, ROWS, advance, "IR version")


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "foreign"


def retype_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT if model.graph.name == "rows" else 9


def add_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.INT64, [1]))


def drop_output(model: onnx.ModelProto) -> None:
    del model.graph.output[-1]


def add_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def retype_output(model: onnx.ModelProto) -> None:
    model.graph.output[-1].type.tensor_type.elem_type = TensorProto.DOUBLE


@pytest.mark.parametrize("change", [rename_input, retype_input, add_input, drop_output, add_output, retype_output])
@pytest.mark.parametrize("name", [PROPOSE, ROWS])
def test_inputs_or_outputs_are_not_those_of_the_contract(tampered: Path, name: str, change: Change) -> None:
    refused(tampered, name, change, "inputs? or outputs?")


def test_an_input_is_not_a_tensor(tampered: Path) -> None:
    def sequence(model: onnx.ModelProto) -> None:
        value = helper.make_tensor_sequence_value_info("items", TensorProto.INT64, [1])
        model.graph.input[0].CopyFrom(value)

    refused(tampered, ROWS, sequence, "type uses field 4")


def test_a_graph_has_thousands_of_nodes(tampered: Path) -> None:
    def flood(model: onnx.ModelProto) -> None:
        for number in range(MAX_PARTS + 1):
            model.graph.node.append(helper.make_node("Add", ["bias", "bias"], [f"n{number}"]))

    refused(tampered, ROWS, flood, f"more than {MAX_PARTS}")


def test_a_graph_is_too_large_to_be_read(tampered: Path) -> None:
    bundles.edit_file(tampered, ROWS, lambda content: content + bytes(MAX_GRAPH_BYTES))
    with pytest.raises(BundleIntegrityError, match="graphs"):
        Bundle.open(tampered)


@pytest.mark.parametrize("content", [b"", b"\0", b"not a graph", b"\x08", b"\xff" * 20, b"PK\x03\x04"])
def test_a_graph_is_something_else(tampered: Path, content: bytes) -> None:
    bundles.edit_file(tampered, PROPOSE, lambda _: content)
    with pytest.raises(ModelContractError):
        Bundle.open(tampered)


def test_the_two_graphs_are_exchanged(tampered: Path) -> None:
    propose, rows = (tampered / PROPOSE).read_bytes(), (tampered / ROWS).read_bytes()
    (tampered / PROPOSE).write_bytes(rows)
    (tampered / ROWS).write_bytes(propose)
    bundles.reseal(tampered)
    with pytest.raises(ModelContractError, match="inputs or outputs"):
        Bundle.open(tampered)


def test_an_operator_is_given_inputs_that_do_not_exist(tampered: Path) -> None:
    def dangle(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "nowhere"

    refused(tampered, PROPOSE, dangle, "connected otherwise")
    with patch("homespun.model.verify.check_topology"):
        refused(tampered, PROPOSE, dangle, "onnxruntime refused")


def test_allowed_operators_on_small_constants_ask_for_all_the_memory(tampered: Path) -> None:
    def blow_up(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1024), np.float32), "row"))
        model.graph.node.append(helper.make_node("Concat", ["row"] * 4, ["long"], axis=1))
        model.graph.node.append(helper.make_node("Transpose", ["long"], ["column"], perm=[1, 0]))
        model.graph.node.append(helper.make_node("MatMul", ["column", "long"], ["square"]))

    refused(tampered, PROPOSE, blow_up, "nodes; the contract has")


def test_an_axis_is_another(tampered: Path) -> None:
    def turn(model: onnx.ModelProto) -> None:
        next(node for node in model.graph.node if node.op_type == "Concat").attribute[0].i = 0

    refused(tampered, PROPOSE, turn, "connected otherwise")


@pytest.mark.parametrize(
    ("name", "constant"), [(ROWS, "one"), (PROPOSE, "content.middle"), (PROPOSE, "padding"), (PROPOSE, "parts.shape")]
)
def test_a_constant_has_another_value(tampered: Path, name: str, constant: str) -> None:
    def change(model: onnx.ModelProto) -> None:
        tensor = weight_named(model, constant)
        values = numpy_helper.to_array(tensor)
        tensor.raw_data = (values / 2).astype(values.dtype).tobytes()

    refused(tampered, name, change, f"the constant '{constant}' of the")


def test_the_graphs_read_one_weight_from_two_places(tampered: Path) -> None:
    def exchange(model: onnx.ModelProto) -> None:
        one, other = weight_named(model, "content.encoder"), weight_named(model, "content.decoder")
        places = bundles.place_of(one), bundles.place_of(other)
        set_place(one, **places[1])
        set_place(other, **places[0])

    refused(tampered, ROWS, exchange, "do not agree")


def test_two_weights_have_one_name(tampered: Path) -> None:
    def twice(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))

    refused(tampered, ROWS, twice, "two weights of one name")
