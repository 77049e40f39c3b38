"""A raw figure is opened somewhere new, and nobody looks at it: every such place is listed here."""

import ast
from collections.abc import Iterator
from pathlib import Path

OPENED = {
    ("cli/audit.py", "_membership"),  # shown to the operator
    ("cli/evaluate.py", "_evaluate"),  # the operator's evaluation
    ("cli/split.py", "_split"),  # shown to the operator, whose folder has the tables too
    ("evaluation/released.py", "release_figures"),  # become a sum, which is released
    ("learning/fitting.py", "_found"),  # marked: the blend that validation learned
    ("learning/validation.py", "tune"),  # makes the blend, which stays raw until it is marked
    ("learning/writing.py", "release_metrics"),  # becomes a sum, which is released
    ("privacy/provenance.py", "non_private"),  # marks what it lets through
    ("results.py", "_report"),  # the operator's report
    ("running/steps/evaluate.py", "_attacked"),  # the operator's record of a run, and a gate
    ("running/steps/evaluate.py", "_opened"),  # the same; sums of it are released
    ("results.py", "_warnings"),  # the operator's report
    ("simulation/running.py", "simulate"),  # shown to the operator, whose tables the simulated devices read
    ("training/advice.py", "advice"),  # wraps its texts again
}
"""Where a raw figure is opened: nothing but the operator's report is made there, or it stays raw or is marked."""

LET_THROUGH = {
    ("cli/model_options.py", "_blend"),  # a blend of unknown origin
    ("learning/fitting.py", "_found"),  # what validation learned
    ("learning/lately.py", "priors"),  # the moment of a refresh that is measured without privacy
    ("learning/moments.py", "moment"),  # the time of the last event, in a fit without privacy
    ("learning/writing.py", "people_on_card"),  # on the card of a bundle without privacy
    ("running/options.py", "_blend"),  # a blend of unknown origin
    ("running/steps/card.py", "_exact"),  # on the card of a bundle without privacy
    ("training/content.py", "catalogue"),  # collected from what people used
}
"""Where an exact figure is let through and marked."""

DECLARED_PUBLIC = {
    ("cli/model_options.py", "_blend"),  # a blend that the operator declares public
    ("learning/keeping.py", "paid"),  # what the fit that is refreshed had declared so
    ("learning/writing.py", "people_on_card"),  # the number of users, by the operator
    ("running/options.py", "_blend"),  # a blend that the operator declares public
    ("training/content.py", "catalogue"),  # the catalogue, by the operator
}
"""Where something is declared public."""

MADE = {
    ("privacy/provenance.py", "_made"),
    ("privacy/release.py", "collected"),  # what two aggregators noised, once it is charged
    ("privacy/release.py", "release"),
    ("privacy/release.py", "release_without_privacy"),
    ("privacy/release.py", "restored"),  # the numbers that a ledger recorded as released
}
"""Where a ``Sourced`` or a ``Release`` is constructed."""


def source(repository: Path) -> Iterator[tuple[str, ast.Module]]:
    root = repository / "server" / "src" / "homespun_server"
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what lies in each function, with its name, and what lies in none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((node.name, inner) for inner in ast.walk(node))
        else:
            yield "<module>", node
            yield from functions(node)


def places(repository: Path, name: str) -> set[tuple[str, str]]:
    """Return where an attribute or a name is used, or passed as an argument of that name."""
    return {
        (module, function)
        for module, tree in source(repository)
        for function, node in functions(tree)
        if name in {getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "arg", None)}
    }


def calls(repository: Path, name: str) -> set[tuple[str, str]]:
    """Return where a function of this name is called."""
    return {
        (module, function)
        for module, tree in source(repository)
        for function, node in functions(tree)
        if isinstance(node, ast.Call) and name in {getattr(node.func, "id", None), getattr(node.func, "attr", None)}
    }


def test_a_raw_figure_is_opened_elsewhere(repository: Path) -> None:
    assert places(repository, "for_the_operator") == OPENED


def test_an_exact_figure_is_let_through_elsewhere(repository: Path) -> None:
    assert calls(repository, "non_private") == LET_THROUGH


def test_something_is_declared_public_elsewhere(repository: Path) -> None:
    assert calls(repository, "public") == DECLARED_PUBLIC


def test_a_release_or_a_sourced_is_constructed_elsewhere(repository: Path) -> None:
    found = places(repository, "_MADE_HERE") - {
        (f"privacy/{name}.py", "<module>") for name in ("provenance", "release")
    }
    assert found - {("privacy/provenance.py", "__post_init__"), ("privacy/release.py", "__post_init__")} == MADE


def test_a_private_attribute_is_reached_for(repository: Path) -> None:
    assert places(repository, "_Raw__value") == set()


def test_the_search_finds_nothing_whatever_is_there(repository: Path) -> None:
    assert ("training/popularity.py", "choose_universe") in places(repository, "derive")
    tree = ast.parse("class A:\n    def f(self):\n        return self.users.for_the_operator()")
    assert any(name == "f" and getattr(node, "attr", None) == "for_the_operator" for name, node in functions(tree))
