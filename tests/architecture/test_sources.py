"""What can be seen of good order by reading the files."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fix_sources import Source

LINES_MAX = 500
LONG = {
    "hotpath/engine/live_view.py": "every object that a strategy is shown in a backtest, each a list of properties",
    "contracts/messages.py": "a list of shapes; read by looking up, not from top to bottom",
    "hotpath/compiled/fixed.pyx": "one compilation unit, so that the compiler can inline across it",
    "hotpath/compiled/momentum.pyx": "a family of small classes, each with its batch twin",
    "hotpath/compiled/moving.pyx": "the same",
    "hotpath/compiled/ranges.pyx": "the same",
    "hotpath/compiled/normalize.pyx": "the rules in C, and their shell for Python",
    "hotpath/engine/journal.py": "a list of messages, one method each; the only place that words one",
    "hotpath/engine/pretrade.py": "a list of checks, in the order in which they are made",
    "hotpath/engine/python_host.py": "what a Python strategy sees, one compilation unit",
}
VAGUE = ("utils", "util", "helpers", "helper", "common", "misc", "manager2")
INTERFACES = ("contracts/", "strategies/base.py")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK|place" r"holder)\b")
# Download addresses belong to whoever installs, and paths of one machine to nobody.
FOREIGN = re.compile(
    "|".join(
        (
            r"py" r"pi\.(org|io)",
            r"python" r"hosted\.org",
            r"npm" r"js\.(org|com)",
            r"deb\.debian\.org",
            r"(ghcr|quay|docker)\.io\b(?! *(iptables|package))",
            r"/(work|root|home/[a-z]+)/",
            r"/tmp/" r"dev\b",
        )
    )
)
TEXT = frozenset(
    {".py", ".pyx", ".pxd", ".toml", ".txt", ".in", ".md", ".yml", ".yaml", ".conf", ".sql", ".cfg", ".ini"}
)


def test_no_module_is_longer_than_one_can_read(sources: list[Source], tracked: list[Path], repository: Path) -> None:
    paths = {s.name: s.path for s in sources}
    paths |= {p.relative_to(repository).as_posix(): p for p in tracked if p.suffix in (".py", ".pyx")}
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in paths.items()}

    assert {name: n for name, n in lengths.items() if n > LINES_MAX and name not in LONG} == {}


def test_no_module_has_a_name_that_says_nothing(sources: list[Source]) -> None:
    assert [s.name for s in sources if s.path.stem in VAGUE or s.path.parent.name in VAGUE] == []


def test_every_module_says_what_it_is(sources: list[Source]) -> None:
    silent = [s.name for s in sources if s.tree.body and not ast.get_docstring(s.tree)]

    assert silent == []


def test_the_public_list_names_what_the_module_defines_and_nothing_else(sources: list[Source]) -> None:
    wrong = []
    for source in sources:
        listed = public_list(source.tree)
        if listed is None:
            continue
        bound = {name for node in source.tree.body for name in bound_names(node)}
        defined = {
            node.name
            for node in source.tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        }
        if source.path.name == "__init__.py":
            bound |= {path.stem for path in source.path.parent.iterdir()}
        wrong += [f"{source.name}: {name} is listed and not there" for name in sorted(set(listed) - bound)]
        if source.name.startswith(INTERFACES):
            wrong += [f"{source.name}: {name} is there and not listed" for name in sorted(defined - set(listed))]

    assert wrong == []


def test_nothing_is_left_for_later(tracked: list[Path], repository: Path) -> None:
    assert found(UNFINISHED, [p for p in tracked if p.suffix in TEXT], repository) == []


def test_no_file_names_a_package_registry_or_a_path_of_one_machine(tracked: list[Path], repository: Path) -> None:
    files = [p for p in tracked if p.suffix in TEXT or p.suffix == ""]

    assert found(FOREIGN, files, repository) == []


def test_relative_links_in_documents_lead_somewhere(tracked: list[Path], repository: Path) -> None:
    dead = []
    for page in (p for p in tracked if p.suffix == ".md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            goal = (page.parent / name).resolve() if name else page
            if not goal.exists() or (anchor and anchor not in anchors(goal)):
                dead.append(f"{page.relative_to(repository)}: {target}")

    assert dead == []


def public_list(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        names = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(value, ast.List | ast.Tuple) and any(
            isinstance(n, ast.Name) and n.id == "__all__" for n in names
        ):
            return [str(ast.literal_eval(element)) for element in value.elts]
    return None


def bound_names(node: ast.stmt) -> set[str]:
    """Names that a top-level statement binds, branches included."""
    names: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(inner.name)
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        elif isinstance(inner, ast.TypeAlias):
            names.add(inner.name.id)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in inner.names}
    return names


def found(pattern: re.Pattern[str], files: list[Path], repository: Path) -> list[str]:
    hits = []
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := pattern.search(line):
                hits.append(f"{path.relative_to(repository)}:{number}: {match[0]}")
    return hits


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
