"""Which lines of the engine the unit and property tests run, interpreted and compiled: ``make coverage``.

    python -m tests.engine_coverage                                  # both forms, tests/unit and tests/property
    python -m tests.engine_coverage compiled tests/property          # one form, any arguments of pytest
    python -m tests.engine_coverage --report                         # the table of the last run once more

Interpreted, coverage.py counts. Compiled, gcc counts: the engine is built into build/coverage with ``--coverage`` and
without optimisation, and Cython writes above each piece of C which line it is of. A line has run when any of its C
has; what stands behind a jump label belongs to no line, since several lines lead there. Lines that only one form has
(``if cython.compiled:``, imports for the interpreter) are counted in that form alone, and inline functions of a
``.pxd`` in whichever module runs them. Exit code 1 below 95 % of either form.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]
ENGINE = Path("hotpath/engine")
HOME = Path("build/coverage")
DATA = HOME / "interpreted"
BUILT = HOME / "built"
LEAST_PERCENT = 95.0
FORMS = ("interpreted", "compiled")
TESTS = ("tests/unit", "tests/property")
NEVER_COMPILED = ("__init__", "python_money", "words")
COMPILE_TIMEOUT_S = 600
CYTHON = (sys.executable, "-m", "cython", "-3", "-I", str(HOME))
COMPILER = (os.environ.get("CC", "gcc"), "-O0", "-g0", "-fPIC", "-pthread", "-ffp-contract=off", "-w", "-DNDEBUG")

PLACE = re.compile(r'^\s*/\* "(?:live_runner/)?([^"]+)":(\d+)$')
LABEL = re.compile(r"^\s*\w+:;$")
DECLARED = re.compile(r"\s*cdef (readonly|public|class) ")
"""A field of a .pxd or .pyx that Python may read: its C is no rule of ours."""
END = re.compile(r"^(\}|\s*/\* function exit code \*/)")

type Lines = dict[str, dict[int, bool]]
"""By file and line: whether it ran."""


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    if arguments[:1] != ["--report"]:
        forms = [arguments.pop(0)] if arguments and arguments[0] in FORMS else list(FORMS)
        for form in forms:
            run = run_interpreted if form == "interpreted" else run_compiled
            code = run(arguments or list(TESTS))
            if code:
                return code
    found = [interpreted_lines(), compiled_lines()]
    print("\n".join(table(*found)))
    figures = [percent(lines, *written_once(lines)) for lines in found]
    return 0 if all(figure is None or figure >= LEAST_PERCENT for figure in figures) else 1


def counter(data: str | None, *left_out: str) -> Coverage:
    """coverage.py, and the lines that it leaves out: what is for the type checker, abstract, or of the other form."""
    made = Coverage(data_file=data, config_file=False)
    for pattern in ("if TYPE_CHECKING:", "raise NotImplementedError", *left_out):
        made.exclude(pattern)
    return made


# -- interpreted ----------------------------------------------------------------------------------


def run_interpreted(arguments: list[str]) -> int:
    """The tests on the engine's sources."""
    HOME.mkdir(parents=True, exist_ok=True)
    counted = ("-m", "coverage", "run", f"--data-file={DATA}", f"--include={ENGINE}/*.py")
    return pytest((*counted, "-m"), arguments, LIVE_RUNNER_HOTPATH="reference")


def interpreted_lines() -> Lines:
    """What the last run on the sources has run."""
    if not DATA.exists():
        return {}
    data = counter(str(DATA), "if cython.compiled:")
    data.load()
    lines: Lines = {}
    for path in sorted(ENGINE.glob("*.py")):
        _, statements, _, missing, _ = data.analysis2(str(path))
        lines[str(path)] = {line: line not in missing for line in statements}
    return lines


# -- compiled -------------------------------------------------------------------------------------


def run_compiled(arguments: list[str]) -> int:
    """The tests on a build of the engine that counts."""
    build()
    for counts in HOME.rglob("*.gcda"):
        counts.unlink()
    return pytest(("-m",), arguments, LIVE_RUNNER_HOTPATH="compiled", PYTHONPATH=str(HOME.resolve()))


def build() -> None:
    """Everything compiled stands in build/coverage, built anew when a source is newer; only the engine counts."""
    sources = [path for folder in ("hotpath", "strategies") for path in Path(folder).rglob("*.p[yx]*")]
    if BUILT.exists() and all(path.stat().st_mtime < BUILT.stat().st_mtime for path in sources):
        return
    package = HOME / "live_runner"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    for folder in ("contracts", "services", "infra"):
        (package / folder).symlink_to(ROOT / folder)
    for folder in ("hotpath", "strategies"):
        shutil.copytree(folder, package / folder, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"))
    found = [
        path
        for pattern in ("hotpath/*/*.pyx", "hotpath/engine/*.py", "strategies/*/*.pyx")
        for path in package.glob(pattern)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, [path for path in found if path.stem not in NEVER_COMPILED]))
    BUILT.touch()


def compile_one(source: Path) -> None:
    """A module that counts its lines, or one that is only there."""
    module = ".".join(source.relative_to(HOME).with_suffix("").parts)
    c, built, library = (source.with_suffix(suffix) for suffix in (".c", ".o", ".so"))
    counting = ("--coverage",) if source.parent.name == "engine" else ()
    include = ("-I", sysconfig.get_path("include"))
    for command in (
        (*CYTHON, "--module-name", module, source, "-o", c),
        (*COMPILER, *counting, *include, "-c", c.resolve(), "-o", built.resolve()),
        (*COMPILER, *counting, "-shared", built, "-o", library, "-lm"),
    ):
        subprocess.run(command, check=True, timeout=COMPILE_TIMEOUT_S)


def compiled_lines() -> Lines:
    """What the last run on the counting build has run."""
    lines: Lines = {}
    for counts in sorted((HOME / "live_runner" / ENGINE).glob("*.gcda")):
        ran = counts_of(counts)
        for number, (path, line) in places(counts.with_suffix(".c")):
            if number in ran and Path(path).parent == ENGINE:
                file = lines.setdefault(path, {})
                file[line] = file.get(line, False) or ran[number] > 0
    return {path: whole_statements(Path(path), found) for path, found in sorted(lines.items())}


def counts_of(counts: Path) -> dict[int, int]:
    """How often each line of a C file ran."""
    command = ("gcov", "--json-format", "--stdout", counts.name)
    ran = subprocess.run(command, cwd=counts.parent, check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S)
    files = json.loads(ran.stdout)["files"]
    found: dict[int, int] = {}
    for line in next(file for file in files if Path(file["file"]).name == f"{counts.stem}.c")["lines"]:
        found[line["line_number"]] = max(found.get(line["line_number"], 0), line["count"])
    return found


def places(c: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    """Of each line of C that belongs to a source: its number, the source and the line there."""
    place: tuple[str, int] | None = None
    commented = False
    for number, text in enumerate(c.read_text(encoding="utf-8").splitlines(), start=1):
        found = PLACE.match(text)
        if found:
            place, commented = (found[1], int(found[2])), True
        elif commented:
            commented = "*/" not in text
        elif END.match(text) or LABEL.match(text):
            place = None
        elif place is not None and text.strip() != "}":
            yield number, place


def whole_statements(path: Path, found: dict[int, bool]) -> dict[int, bool]:
    """The lines as coverage.py counts them: a statement once, and none that it leaves out."""
    if path.suffix != ".py":
        text = path.read_text(encoding="utf-8").splitlines()
        return {line: ran for line, ran in found.items() if not DECLARED.match(text[line - 1])}
    _, statements, _, _, _ = counter(None).analysis2(str(path))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    first = first_lines(tree)
    # Interpreted, the line of a def runs when the module is loaded; compiled, when the function is called.
    headers = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    counted: dict[int, bool] = {}
    for line, ran in found.items():
        at = first.get(line, line)
        if at in statements and at not in headers:
            counted[at] = counted.get(at, False) or ran
    return counted


def first_lines(tree: ast.Module) -> dict[int, int]:
    """The first line of the statement that a line is of."""
    first: dict[int, int] = {}
    for node in ast.walk(tree):  # outer ones first
        if isinstance(node, ast.stmt):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                first[line] = node.lineno
    return first


# -- the table ------------------------------------------------------------------------------------


def percent(lines: Lines, *paths: str) -> float | None:
    """How many of the lines ran; None where there are none."""
    ran = [value for path in paths for value in lines.get(path, {}).values()]
    return 100 * sum(ran) / len(ran) if ran else None


def table(interpreted: Lines, compiled: Lines) -> Iterator[str]:
    """Both figures of every file, and the lines that did not run."""
    yield f"{'file':20} {'interpreted':>11} {'compiled':>9}  lines that did not run"
    for path in sorted(path for path in {*interpreted, *compiled} if interpreted.get(path) or compiled.get(path)):
        missing = [ranges(form.get(path, {})) for form in (interpreted, compiled)]
        listed = missing[0] if missing[0] == missing[1] else f"{missing[0] or '-'} | {missing[1] or '-'}"
        figures = f"{shown(percent(interpreted, path)):>11} {shown(percent(compiled, path)):>9}"
        yield f"{Path(path).name:20} {figures}  {listed}"
    totals = [shown(percent(form, *written_once(form))) for form in (interpreted, compiled)]
    yield f"{'together':20} {totals[0]:>11} {totals[1]:>9}  without compiled_host.pyx and strategy.pyx"


def written_once(lines: Lines) -> list[str]:
    """Without what C pointers need, which the parity tests run with real strategies: compiled hosts and strategies."""
    return [path for path in lines if Path(path).suffix != ".pyx" and Path(path).stem != "strategy"]


def shown(value: float | None) -> str:
    """A figure, or that there is none."""
    return "" if value is None else f"{value:.1f} %"


def ranges(lines: dict[int, bool]) -> str:
    """The lines that did not run, neighbours joined."""
    groups: list[list[int]] = []
    last = None
    for line in sorted(lines):
        if not lines[line]:
            if groups and groups[-1][-1] == last:
                groups[-1].append(line)
            else:
                groups.append([line])
        last = line
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def pytest(run: tuple[str, ...], arguments: list[str], **environment: str) -> int:
    """The tests, one after the other: what a worker counts is lost when it is ended."""
    command = (sys.executable, *run, "pytest", "-n", "0", "-q", *arguments)
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
