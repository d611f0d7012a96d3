"""Which lines of the engine the unit and property tests run, interpreted and compiled: ``make coverage``.

    python -m tests.engine_coverage                                  # both forms side by side, the engine's tests
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
SETTINGS = HOME / "interpreted.ini"
DATA = HOME / "interpreted"
BUILT = HOME / "built"
LEAST_PERCENT = 95.0
FORMS = ("interpreted", "compiled")
TESTS = (
    *(f"tests/unit/{folder}" for folder in ("backtest", "execution", "hotpath", "strategy")),
    *(f"tests/property/test_{name}.py" for name in ("account", "bar_sets", "book", "money", "orders", "strategy_host")),
)
"""Those that drive the engine; junk calls are left out, since they look at no result."""
NEVER_COMPILED = ("__init__", "python_lists", "python_money", "words")
COMPILE_TIMEOUT_S = 600
TESTS_TIMEOUT_S = 1800
CYTHON = (sys.executable, "-m", "cython", "-3", "-I", str(HOME))
COUNTING = ("-O0", "--coverage")
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
        with ThreadPoolExecutor() as pool:
            codes = list(pool.map(lambda form: run(form, arguments or list(TESTS)), forms))
        if any(codes):
            return 1
    found = [interpreted_lines(), compiled_lines()]
    print("\n".join(table(*found)))
    return 0 if all(figure is None or figure >= LEAST_PERCENT for figure in map(whole, found)) else 1


def run(form: str, arguments: list[str]) -> int:
    """The tests on one form of the engine, one after the other: a worker's counts are lost when it is ended."""
    command, environment = (interpreted if form == "interpreted" else compiled)()
    tests = (*command, "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *arguments)
    ran = subprocess.run(
        (sys.executable, *tests, f"--basetemp={HOME}/tests-{form}"),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TESTS_TIMEOUT_S,
    )
    print(ran.stdout if ran.returncode else f"{form}: {ran.stdout.splitlines()[-1]}", flush=True)
    return ran.returncode


def counter(data: str | None, *left_out: str) -> Coverage:
    """coverage.py, and the lines that it leaves out: what is for the type checker, abstract, or of the other form."""
    made = Coverage(data_file=data, config_file=False)
    for pattern in ("if TYPE_CHECKING:", "raise NotImplementedError", *left_out):
        made.exclude(pattern)
    return made


# -- interpreted ----------------------------------------------------------------------------------


def interpreted() -> tuple[tuple[str, ...], dict[str, str]]:
    """How tests run on the engine's sources, and on those that their own child processes load."""
    HOME.mkdir(parents=True, exist_ok=True)
    for old in HOME.glob(f"{DATA.name}*"):
        old.unlink()
    settings = ("[run]", f"data_file = {DATA.resolve()}", f"include = {ENGINE.resolve()}/*.py", "core = sysmon")
    SETTINGS.write_text("\n".join((*settings, "parallel = true", "patch = subprocess")))
    return ("-m", "coverage", "run", f"--rcfile={SETTINGS}", "-m"), {"LIVE_RUNNER_HOTPATH": "reference"}


def interpreted_lines() -> Lines:
    """What the last run on the sources has run."""
    parts = [str(path) for path in HOME.glob(f"{DATA.name}.*.*")]
    if not parts:
        return {}
    data = counter(str(DATA), "if cython.compiled:")
    data.combine(parts, keep=True)
    lines: Lines = {}
    for path in sorted(ENGINE.glob("*.py")):
        _, statements, _, missing, _ = data.analysis2(str(path))
        lines[str(path)] = {line: line not in missing for line in statements}
    return lines


# -- compiled -------------------------------------------------------------------------------------


def compiled() -> tuple[tuple[str, ...], dict[str, str]]:
    """How tests run on a build of the engine that counts, and so does what they build themselves."""
    build()
    for counts in HOME.rglob("*.gcda"):
        counts.unlink()
    counting = {"CFLAGS": " ".join(COUNTING), "PYTHONPATH": str(HOME.resolve())}
    return ("-m",), {"LIVE_RUNNER_HOTPATH": "compiled", **counting}


def build() -> None:
    """Everything compiled stands in build/coverage, built anew when a source is newer; the hot path's other modules
    count nothing.
    """
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
    c, built = source.with_suffix(".c"), source.with_suffix(".o")
    library = source.with_name(f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}")
    counting = () if source.parent.parent.name == "hotpath" and source.parent.name == "compiled" else COUNTING
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
    for counts in sorted(HOME.rglob("*.gcda")):
        c, ran = counts_of(counts)
        for number, (path, line) in places(c):
            if number in ran and Path(path).parent == ENGINE:
                file = lines.setdefault(path, {})
                file[line] = file.get(line, False) or ran[number] > 0
    return {path: whole_statements(Path(path), found) for path, found in sorted(lines.items())}


def counts_of(counts: Path) -> tuple[Path, dict[int, int]]:
    """The C file that was counted, and how often each of its lines ran."""
    command = ("gcov", "--json-format", "--stdout", counts.name)
    ran = subprocess.run(command, cwd=counts.parent, check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S)
    file = next(file for file in json.loads(ran.stdout)["files"] if file["file"].endswith(".c"))
    found: dict[int, int] = {}
    for line in file["lines"]:
        found[line["line_number"]] = max(found.get(line["line_number"], 0), line["count"])
    return counts.parent / file["file"], found


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


def percent(lines: dict[int, bool]) -> float | None:
    """How many of the lines ran; None where there are none."""
    return 100 * sum(lines.values()) / len(lines) if lines else None


def whole(form: Lines) -> float | None:
    """How many of all lines of a form ran."""
    return percent(dict(enumerate(ran for lines in form.values() for ran in lines.values())))


def table(interpreted: Lines, compiled: Lines) -> Iterator[str]:
    """Both figures of every file, and the lines that did not run."""
    yield f"{'file':20} {'interpreted':>11} {'compiled':>9}  lines that did not run"
    for path in sorted(path for path in {*interpreted, *compiled} if interpreted.get(path) or compiled.get(path)):
        forms = [form.get(path, {}) for form in (interpreted, compiled)]
        missing = [ranges(lines) for lines in forms]
        listed = missing[0] if missing[0] == missing[1] else f"{missing[0] or '-'} | {missing[1] or '-'}"
        figures = [shown(percent(lines)) for lines in forms]
        yield f"{Path(path).name:20} {figures[0]:>11} {figures[1]:>9}  {listed}".rstrip()
    yield f"{'together':20} {shown(whole(interpreted)):>11} {shown(whole(compiled)):>9}"


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
