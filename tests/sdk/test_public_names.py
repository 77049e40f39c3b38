"""What applications build on changes only on purpose."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import homespun
from homespun import errors
from homespun.person.export import Recipient

PUBLIC = [
    "Attribution",
    "Bundle",
    "ConsentProof",
    "Contributions",
    "Controller",
    "Event",
    "Explanation",
    "HomespunError",
    "Key",
    "NewItem",
    "Notice",
    "Personalizer",
    "Purpose",
    "Receipt",
    "Recipient",
    "Recommendation",
    "Requests",
    "Retention",
    "Scored",
    "Settings",
    "Updates",
    "Withdrawal",
    "__version__",
]
HEAVY = ["onnxruntime", "onnx", "homespun_server", "scipy", "sklearn", "duckdb", "pyarrow", "keyring", "pytest"]


def test_the_public_names_change_by_accident() -> None:
    assert sorted(homespun.__all__) == PUBLIC
    assert homespun.__all__ == PUBLIC
    assert all(hasattr(homespun, name) for name in PUBLIC)


def test_every_error_has_another_root_than_the_drawn_one() -> None:
    assert errors.__doc__ is not None
    assert errors.__all__ == sorted(errors.__all__)
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, homespun.HomespunError)
        assert name in errors.__doc__
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined == set(errors.__all__)
    assert issubclass(errors.MisuseError, ValueError)
    roots = [
        errors.MisuseError,
        errors.UntrustedInputError,
        errors.BudgetError,
        errors.TransportError,
        errors.ProfileError,
    ]
    for name in set(errors.__all__) - {"HomespunError"}:
        assert sum(issubclass(getattr(errors, name), root) for root in roots) == 1


def test_a_public_name_is_not_documented() -> None:
    missing = []
    for name in PUBLIC[:-1]:
        value = getattr(homespun, name)
        assert value.__doc__, name
        for attribute, member in vars(value).items():
            described = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
            if described and not attribute.startswith("_") and not inspect.getdoc(getattr(value, attribute)):
                missing.append(f"{name}.{attribute}")
    assert missing == []


def test_a_public_function_or_class_of_the_client_is_not_documented(repository: Path) -> None:
    missing = []
    for path in sorted((repository / "sdk" / "src" / "homespun").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree) and path.name != "_version.py":
            missing.append(path.name)
        members = [member for node in tree.body if isinstance(node, ast.ClassDef) for member in node.body]
        for node in [*tree.body, *members]:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                missing += [] if ast.get_docstring(node) else [f"{path.name}: {node.name}"]
    assert missing == []


@pytest.mark.parametrize("statement", ["import homespun", "import homespun.cli", "import homespun.protocol.bundle"])
def test_an_import_loads_what_is_slow_or_belongs_to_the_server(statement: str) -> None:
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    loaded = {module.partition(".")[0] for module in json.loads(done.stdout)}
    assert "homespun" in loaded
    assert sorted(loaded & set(HEAVY)) == []


def test_a_name_that_is_loaded_late_is_another_one() -> None:
    assert homespun.Recipient is Recipient
    with pytest.raises(AttributeError, match="Recipent"):
        homespun.Recipent  # noqa: B018 - a slip of the pen


def test_a_marker_tells_type_checkers_that_there_are_types(repository: Path) -> None:
    assert (repository / "sdk" / "src" / "homespun" / "py.typed").is_file()
