"""Builds the documentation into ``site/`` and refuses what a reader would stumble over.

Refused: every warning of the builder (broken links, anchors and cross-references), docstrings that
contradict their signature, pages that the navigation does not reach, and pages that would load anything
from another host. Somebody who reads about privacy is not announced to a content network.

Non-goal: publishing. The folder is complete and works from any file server.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOADING = {"src", "srcset", "poster", "data"}
LOADING_LINKS = {"stylesheet", "preconnect", "dns-prefetch", "preload", "modulepreload", "prefetch", "icon"}
POLICY = "Content-Security-Policy"


class _Loads(HTMLParser):
    """Collects what a page loads by itself, and whether its content policy is there."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.has_policy = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        values = {name: value or "" for name, value in attrs}
        self.has_policy |= tag == "meta" and values.get("http-equiv") == POLICY
        self.addresses += [values[name] for name in LOADING & values.keys()]
        if tag == "link" and LOADING_LINKS & set(values.get("rel", "").split()):
            self.addresses.append(values.get("href", ""))


def foreign_loads(page: str) -> list[str]:
    """Return the addresses on other hosts that an HTML page would load when it is opened."""
    parser = _Loads()
    parser.feed(page)
    return [address for address in parser.addresses if re.match(r"\s*(https?:)?//", address)]


def has_content_policy(page: str) -> bool:
    """Return whether the page forbids its own scripts to reach other hosts."""
    parser = _Loads()
    parser.feed(page)
    return parser.has_policy


def pages_of(nav: object) -> Iterator[str]:
    """Yield the page names in a navigation, which nests lists and tables as it likes."""
    if isinstance(nav, str):
        yield nav
        return
    children = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ()
    for child in children:
        yield from pages_of(child)


def nav_problems(nav: object, folder: Path) -> list[str]:
    """Return what is in the navigation but not in the folder, and the other way round."""
    named = set(pages_of(nav))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    return [
        *(f"zensical.toml: nav names {page}, which is not in {folder.name}/." for page in sorted(named - present)),
        *(f"{folder.name}/{page}: no entry of zensical.toml's nav leads here." for page in sorted(present - named)),
    ]


def page_problems(site: Path) -> list[str]:
    """Return what is wrong with the pages that were built."""
    problems: list[str] = []
    for path in sorted(site.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(site).as_posix()
        problems += [f"{name}: loads {address} from another host." for address in foreign_loads(text)]
        if not has_content_policy(text):
            problems.append(f"{name}: has no {POLICY}; its scripts could load from other hosts.")
    return problems


def build() -> list[str]:
    """Build the site from nothing and return the builder's complaints."""
    shutil.rmtree(ROOT / "site", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    # Strict mode does not count the docstring reader's complaints.
    complaints = [line for line in output.splitlines() if line.startswith("griffe:")]
    return [output] if done.returncode else complaints


def main() -> int:
    """Build, check, print; 0 if all is well."""
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    problems = nav_problems(nav, ROOT / "docs") or build() or page_problems(ROOT / "site")
    print("\n".join(problems) or "documentation: built, complete, and loads nothing from elsewhere")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
