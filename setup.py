"""Maps the top-level folders to the import name ``live_runner``; compiles the hot path and the compiled strategies.

Everything else is in pyproject.toml. ``build/view/live_runner`` shows the folders under their import
name to tools that read paths: Cython looks for ``.pxd`` files there, mypy for modules.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

PACKAGE = "live_runner"
FOLDERS = ("contracts", "hotpath", "services", "strategies", "infra")
COMPILED = ("hotpath/compiled/*.pyx", "hotpath/engine/*.pyx", "hotpath/engine/*.py", "strategies/compiled/*.pyx")
# The interpreter's own: what they hold for the compiler stands in a .pxd.
NEVER_COMPILED = ("__init__", "plain_money", "words")
VIEW = Path("build/view")
# Bit for bit on every machine of one platform: no contraction, no -march, no -ffast-math.
# Without -g0 the interpreter's own flags add debug information: twice the build time, ten times the size.
FLAGS = ["-O2", "-ffp-contract=off", "-g0"]
if os.environ.get("LIVE_RUNNER_DEBUG"):
    FLAGS = ["-O0", "-g", "-ffp-contract=off"]


def link_view() -> None:
    """Show the folders under their import name to tools that read paths."""
    root = VIEW / PACKAGE
    root.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        link = root / folder
        if not link.is_symlink():
            link.symlink_to(Path("../../..") / folder)


link_view()
setup(
    packages=[f"{PACKAGE}.{name}" for name in find_packages(include=[f"{f}*" for f in FOLDERS])],
    package_dir={f"{PACKAGE}.{folder}": folder for folder in FOLDERS},
    ext_modules=cythonize(
        [
            Extension(".".join((PACKAGE, *path.with_suffix("").parts)), [str(path)], extra_compile_args=FLAGS)
            for pattern in COMPILED
            for path in sorted(Path().glob(pattern))
            if path.stem not in NEVER_COMPILED
        ],
        include_path=[str(VIEW)],
        build_dir="build/cython",
        language_level="3",
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
