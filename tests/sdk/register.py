"""What the register of parts must say to be true, as a list of what is wrong with it.

The source is read, not run: whoever keeps something, or acts on the world, in a place that the register does not
know is found by the names that such code cannot do without. What is done through a name that was put together at
run time is not found.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from homespun.consent.parts import Part
from homespun.profile.schema import Schema

STORE = "homespun.profile"
"""The package that may touch the disk and the keyring, because the gate sits in front of it."""

_MODULES = frozenset(
    [
        "apsw",
        "asyncio",
        "ctypes",
        "dbm",
        "fcntl",
        "fileinput",
        "ftplib",
        "getpass",
        "glob",
        "http",
        "imaplib",
        "importlib",
        "keyring",
        "linecache",
        "logging",
        "mmap",
        "msvcrt",
        "multiprocessing",
        "onnxruntime",
        "pickle",
        "poplib",
        "pty",
        "requests",
        "select",
        "selectors",
        "shelve",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "tarfile",
        "tempfile",
        "tuf",
        "urllib",
        "urllib3",
        "webbrowser",
        "winreg",
        "xmlrpc",
        "zipfile",
    ]
)
_OF_OS = frozenset({"PathLike", "SEEK_CUR", "SEEK_END", "SEEK_SET", "fsdecode", "fsencode", "fspath", "sep", "urandom"})
"""What of ``os`` touches nothing; entropy is handed in like a clock."""

_CALLS = frozenset({"open", "exec", "eval", "compile", "__import__", "input"})
_METHODS = frozenset(
    [
        "absolute",
        "chmod",
        "cwd",
        "exists",
        "expanduser",
        "extract",
        "extractall",
        "glob",
        "hardlink_to",
        "home",
        "is_dir",
        "is_file",
        "is_symlink",
        "iterdir",
        "lchmod",
        "lstat",
        "mkdir",
        "open",
        "read_bytes",
        "read_text",
        "readlink",
        "rename",
        "resolve",
        "rglob",
        "rmdir",
        "samefile",
        "send",
        "sendall",
        "stat",
        "symlink_to",
        "touch",
        "unlink",
        "urlopen",
        "write_bytes",
        "write_text",
    ]
)
_OF_FILES = "homespun.profile.files"
_PURE_OF_FILES = frozenset({"Entropy"})

_DOORS = frozenset(
    [
        "create",
        "open_profile",
        "erase",
        "rotate",
        "reseal",
        "export_recovery",
        "finish_interrupted_erasure",
        "ProfileStore",
    ]
)
_MUTATORS = frozenset(
    [
        "add_events_if",
        "extend_consent",
        "settle",
        "clear",
        "extend_controls",
        "keep_if",
        "add_decisions",
        "add_exposures",
        "extend_egress",
        "rectify",
        "forget",
        "tend",
    ]
)


def wrong_tables(parts: Iterable[Part], schemas: Iterable[Schema]) -> list[str]:
    """Tables that no part, or more than one part, keeps; compartments and sections that two parts share."""
    parts = tuple(parts)
    tables = {f"{schema.kind}.{table}" for schema in schemas for table in schema.columns}
    owners = Counter(table for part in parts for table in part.tables)
    shared = {"state.kept"}
    return [
        *(f"nobody keeps {table}" for table in sorted(tables - owners.keys())),
        *(f"{table} is no table" for table in sorted(owners.keys() - tables)),
        *(f"{number} parts keep {table}" for table, number in owners.items() if number > 1 and table not in shared),
        *(
            f"{part.name} and its compartment do not fit"
            for part in parts
            if (part.compartment is None) is bool(shared & set(part.tables))
        ),
        *_twice("name", [part.name for part in parts]),
        *_twice("compartment", [part.compartment for part in parts if part.compartment is not None]),
        *_twice("section", [part.section for part in parts if part.section is not None]),
    ]


def wrong_exports(parts: Iterable[Part], sections: Iterable[str]) -> list[str]:
    """Parts that keep something and that no export shows, and does not say why."""
    there = frozenset(sections)
    return [
        *(
            f"{part.name} is neither exported nor says why"
            for part in parts
            if not part.section and not part.unexported
        ),
        *(f"{part.name} is both exported and not" for part in parts if part.section and part.unexported),
        *(f"no export has the section of {part.name}" for part in parts if part.section and part.section not in there),
    ]


def wrong_modules(source: Path, allowed: Mapping[str, str]) -> list[str]:
    """Modules that touch the world outside the store without being named, and named ones that touch nothing.

    Args:
        source: The folder of the package ``homespun``.
        allowed: Modules, or packages of modules, that may, each with why.
    """
    touching = {module: found for module, tree in modules(source) if (found := touches(tree))}
    outside = {module: found for module, found in touching.items() if not _within(module, STORE)}
    return [
        *(
            f"{module} is not registered and has {', '.join(sorted(found))}"
            for module, found in outside.items()
            if not any(_within(module, name) for name in allowed)
        ),
        *(
            f"{name} is registered and touches nothing"
            for name in allowed
            if not any(_within(module, name) for module in outside)
        ),
        *(f"{name} does not say why" for name, why in allowed.items() if not why.strip()),
    ]


def wrong_doors(source: Path, doors: frozenset[str]) -> list[str]:
    """Modules that open, or write to, the store without passing through those that ask the gate."""
    return [
        f"{module} uses {', '.join(sorted(found))}"
        for module, tree in modules(source)
        if not any(_within(module, door) for door in (STORE, *doors)) and (found := _entered(tree))
    ]


def parts_made_in(source: Path) -> Counter[str]:
    """How many parts each module makes."""
    return Counter(
        module
        for module, tree in modules(source)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Part"
    )


def modules(source: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module below a package's folder with its source."""
    for path in sorted(source.rglob("*.py")):
        name = ".".join(("homespun", *path.relative_to(source).with_suffix("").parts))
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def touches(tree: ast.AST) -> set[str]:
    """What in a module's source touches the disk, a key store, the environment, another process or the network."""
    return {found for node in ast.walk(tree) for found in _touched(node)}


def _touched(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names if each.name.partition(".")[0] in _MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            named = {each.name for each in names}
            if module.partition(".")[0] in _MODULES:
                yield module
            if module == "os":
                yield from (f"os.{name}" for name in named - _OF_OS)
            if module == _OF_FILES:
                yield from (f"files.{name}" for name in named - _PURE_OF_FILES)
        case ast.Attribute(value=ast.Name(id="os"), attr=name) if name not in _OF_OS:
            yield f"os.{name}"
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield f"{name}()"
        case ast.Call(func=ast.Attribute(value=of, attr=name)) if name in _METHODS and not _is_class(of):
            yield f".{name}()"
        # Of a text it needs two arguments, of a record names.
        case ast.Call(func=ast.Attribute(attr="replace"), args=[_], keywords=[]):
            yield ".replace()"


def _is_class(node: ast.expr) -> bool:
    # Bundle.open and the like are functions of ours, whose own modules are looked at.
    return isinstance(node, ast.Name) and (node.id == "cls" or (node.id[:1].isupper() and node.id != "Path"))


def _entered(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if _within(module, STORE):
                found |= {each.name for each in names} & (_DOORS - {"ProfileStore"})
            case ast.Call(func=ast.Attribute(attr=name, value=of)) if name in _MUTATORS and _is_store(of):
                found.add(f".{name}()")
    return found


def _is_store(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Call) and "store" in ast.unparse(node).rpartition(".")[2]


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _twice(what: str, names: list[str]) -> list[str]:
    return [f"two parts have the {what} {name}" for name, number in Counter(names).items() if number > 1]
