"""Cython modules of the bench itself: built when they are used, beside nothing that is installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

__all__ = ["load"]

_ROOT = Path(__file__).parents[2]


def load(source: Path) -> ModuleType:
    """Build a ``.pyx`` as the project's own are built, and import it under its stem."""
    include = f"-I{sysconfig.get_path('include')}"
    with TemporaryDirectory() as home:
        written, library = Path(home) / f"{source.stem}.c", Path(home) / f"{source.stem}.so"
        cython = [
            sys.executable,
            "-m",
            "cython",
            "-3",
            "-I",
            str(_ROOT / "build/view"),
            str(source),
            "-o",
            str(written),
        ]
        compiler = ["cc", "-O2", "-ffp-contract=off", "-shared", "-fPIC", include, str(written), "-o", str(library)]
        for command in (cython, compiler):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        spec = importlib.util.spec_from_file_location(source.stem, library)
        if spec is None or spec.loader is None:
            raise ImportError(f"{library} is not a module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[source.stem] = module
        return module
