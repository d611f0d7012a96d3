"""Maps the top-level folders to the import name ``live_runner``; compiles the hot path and the compiled strategies.

Everything else is in pyproject.toml. ``build/view/live_runner`` shows the folders under their import
name to tools that read paths: Cython looks for ``.pxd`` files there, mypy for modules.
"""

import os
from hashlib import blake2b
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

PACKAGE = "live_runner"
FOLDERS = ("contracts", "hotpath", "services", "strategies", "infra")
COMPILED = ("hotpath/compiled/*.pyx", "hotpath/engine/*.pyx", "hotpath/engine/*.py", "strategies/compiled/*.pyx")
# The interpreter's own: what they hold for the compiler stands in a .pxd.
NEVER_COMPILED = ("__init__", "python_lists", "python_money", "words")
VIEW = Path("build/view")
INTERFACE = Path("hotpath/engine/interface.pxi")
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


def name_interface() -> None:
    """Declare a C variable whose name is a digest of every declaration that a compiled strategy is built on.

    A module imports the C variables of what it cimports by name when it is loaded. One that was built on other
    declarations asks for a name that is not there, and is refused before it reads memory of another layout.
    """
    digest = blake2b(digest_size=6)
    for path in sorted(Path("hotpath").rglob("*.pxd")):
        digest.update(path.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    text = f"cdef int strategy_interface_{digest.hexdigest()}\n"
    if not INTERFACE.exists() or INTERFACE.read_text(encoding="utf-8") != text:
        INTERFACE.write_text(text, encoding="utf-8")


link_view()
name_interface()
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
