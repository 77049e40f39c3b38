"""The public names are pinned, and asking for one that is cheap does not load what is not."""

import subprocess
import sys

import pytest

import homespun_server

NAMES = {
    "Account",
    "BudgetLedger",
    "BudgetPolicy",
    "Cohort",
    "FitOptions",
    "Fitted",
    "InteractionColumns",
    "Interactions",
    "ItemColumns",
    "Items",
    "Population",
    "__version__",
    "fit",
    "fit_content",
    "keep",
    "kept",
    "open_ledger",
    "refresh",
    "release",
    "sum_over_people",
    "windows_of",
}


def test_a_public_name_appears_or_goes_unnoticed() -> None:
    assert set(homespun_server.__all__) == NAMES
    for name in NAMES:
        assert getattr(homespun_server, name) is not None


def test_a_name_that_does_not_exist_is_invented() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = homespun_server.no_such_name


def test_an_error_class_loads_what_trains() -> None:
    code = "import sys, homespun_server.errors; print(*{'sklearn', 'opendp', 'onnx', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
