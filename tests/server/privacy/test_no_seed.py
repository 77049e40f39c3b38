"""What would make noise predictable: a seed, a seeded generator, or another source of randomness on the path.

The path of a release is every module of this project that the release, the sums and the population import, directly
or not.
"""

import ast
import importlib.util
import inspect
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from homespun_server.privacy import mechanisms
from homespun_server.privacy.mechanisms import add_discrete_gaussian
from homespun_server.privacy.release import release

STARTS = ("homespun_server.privacy.release", "homespun_server.statistics.sums", "homespun_server.statistics.population")
OURS = ("homespun", "homespun_server")

FORBIDDEN_MODULES = {"random", "numpy.random", "scipy.stats", "jax", "torch"}
FORBIDDEN_NAMES = {"default_rng", "RandomState", "SeedSequence", "rng", "rvs", "seed", "set_seed"}


def module_path(name: str) -> Path | None:
    specification = importlib.util.find_spec(name)
    return None if specification is None or specification.origin is None else Path(specification.origin)


def exists(name: str) -> bool:
    try:
        return module_path(name) is not None
    except ModuleNotFoundError:
        return False


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names of modules, and of what might be one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def path_of_a_release() -> dict[str, ast.AST]:
    """Return the syntax tree of every module on the path."""
    trees: dict[str, ast.AST] = {}
    waiting = list(STARTS)
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if name in trees or path is None:
            continue
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
        waiting += [other for other in imported(trees[name]) if other.partition(".")[0] in OURS and exists(other)]
    return trees


def faults(tree: ast.AST) -> set[str]:
    """Return the sources of randomness that a module imports or names."""
    modules = set(imported(tree)) & FORBIDDEN_MODULES
    names: set[str] = set()
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "arg", "name"):
            names.add(str(getattr(node, attribute, "")))
        if isinstance(node, ast.Attribute) and node.attr == "random":
            names.add("seed")
    return modules | names & FORBIDDEN_NAMES


def test_a_seed_lies_on_the_path() -> None:
    found = {name: faults(tree) for name, tree in path_of_a_release().items()}
    assert {name: fault for name, fault in found.items() if fault} == {}


def test_the_search_looks_nowhere() -> None:
    trees = path_of_a_release()
    for name in ("privacy.release", "privacy.mechanisms", "privacy.zcdp", "statistics.sums", "statistics.cohort"):
        assert f"homespun_server.{name}" in trees
    assert "homespun.protocol.statistics.encoding" in trees
    assert "homespun.protocol.statistics.sampling" in trees


@pytest.mark.parametrize(
    "code",
    [
        "import random",
        "from numpy import random",
        "import numpy.random as chance",
        "from numpy.random import default_rng",
        "def f(seed=None): pass",
        "import numpy as np\nnp.random.normal(0, 1)",
        "measurement = make(scale=1.0, seed=7)",
        "from scipy.stats import norm",
    ],
)
def test_the_search_lets_a_seed_pass(code: str) -> None:
    assert faults(ast.parse(code))


def test_a_seed_can_be_given() -> None:
    assert list(inspect.signature(add_discrete_gaussian).parameters) == ["values", "sigma", "progress"]
    assert set(inspect.signature(release).parameters) == {"total", "rho", "budget", "progress"}


def test_seeding_the_usual_generators_decides_the_noise() -> None:
    drawn = []
    for _ in range(2):
        random.seed(20)
        np.random.seed(20)  # noqa: NPY002 - the generator that others share
        drawn.append(add_discrete_gaussian(np.zeros(50, np.int64), 1 << 30))
    # Two draws agree in one cell of three thousand million.
    assert np.count_nonzero(drawn[0] == drawn[1]) <= 1


def test_the_usual_generators_are_used() -> None:
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    add_discrete_gaussian(np.zeros(50, np.int64), 1 << 30)
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


def test_noise_comes_from_elsewhere_than_the_exact_sampler() -> None:
    tree = ast.parse(inspect.getsource(mechanisms))
    prefix = "opendp.measurements."
    assert {name for name in imported(tree) if name.startswith(prefix)} == {f"{prefix}make_gaussian"}
