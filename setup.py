"""Builds the extension modules with Bazel. Everything else about the package is in pyproject.toml.

Environment:
  BAZEL                   the bazel to run; default: the one on the PATH
  NUMPACK_BAZEL_STARTUP   start-up options for it, such as --output_base=...
  NUMPACK_BAZEL_FLAGS     options for its build command, such as --distdir=...
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
# What nanobind binds is for all later Pythons from 3.12 on; free-threaded ones have no stable ABI.
# That makes three wheels: for 3.10, for 3.11, and for 3.12 and later (docs/adr/0023).
STABLE_ABI = sys.version_info >= (3, 12) and not sysconfig.get_config_var("Py_GIL_DISABLED")
# Extension module -> Bazel's file of it in python/numpack, and whether that has a stable ABI.
MODULES = {
    "numpack._arithmetic": ("_arithmetic.abi3.so", True),
    "numpack._native": ("_native.so", STABLE_ABI),
}


@contextlib.contextmanager
def startup_options() -> Iterator[list[str]]:
    """Bazel's start-up options: those of the environment.

    An unpacked sdist is a folder for once: no server and no output folder stay behind for it.
    """
    options = shlex.split(os.environ.get("NUMPACK_BAZEL_STARTUP", ""))
    if options or not (ROOT / "PKG-INFO").exists():
        yield options
        return
    with tempfile.TemporaryDirectory(prefix="numpack-bazel-", ignore_cleanup_errors=True) as base:
        yield ["--batch", f"--output_base={base}"]


class BazelBuild(build_ext):
    """Runs Bazel once and copies the modules to where setuptools wants them."""

    def build_extensions(self) -> None:
        with startup_options() as startup:
            self.build_with(startup)

    def build_with(self, startup: list[str]) -> None:
        # An sdist is made without them.
        import nanobind
        import numpy

        bazel = os.environ.get("BAZEL", "bazel")
        if shutil.which(bazel) is None:
            raise SystemExit(f"numpack is built with Bazel, and there is no '{bazel}' on the PATH")
        options = [
            "--compilation_mode=opt",
            "--symlink_prefix=/",
            # pip builds with an interpreter and packages of its own: name them all.
            f"--repo_env=SYSTEM_PYTHON={sys.executable}",
            f"--repo_env=NUMPACK_NUMPY_INCLUDE={numpy.get_include()}",
            f"--repo_env=NUMPACK_NANOBIND_DIR={Path(nanobind.__file__).parent}",
            f"--repo_env=NUMPACK_STABLE_ABI={int(STABLE_ABI)}",
            *shlex.split(os.environ.get("NUMPACK_BAZEL_FLAGS", "")),
        ]
        # Start-up and --repo_env must not depend on what else pip has put into the environment.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

        def run(command: str, *arguments: str, **keywords: object) -> subprocess.CompletedProcess:
            line = [bazel, *startup, command, *options, *arguments]
            return subprocess.run(line, cwd=ROOT, env=environment, check=True, **keywords)

        run("build", *(f"//python/numpack:{file}" for file, _ in MODULES.values()))
        outputs = run("info", "bazel-bin", stdout=subprocess.PIPE, text=True).stdout.strip()
        for extension in self.extensions:
            destination = Path(self.get_ext_fullpath(extension.name))
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.unlink(missing_ok=True)
            file, _ = MODULES[extension.name]
            shutil.copyfile(Path(outputs) / "python/numpack" / file, destination)
            destination.chmod(0o755)


setup(
    ext_modules=[
        Extension(name, sources=[], py_limited_api=stable) for name, (_, stable) in MODULES.items()
    ],
    cmdclass={"build_ext": BazelBuild},
    options={"bdist_wheel": {"py_limited_api": "cp312"}} if STABLE_ABI else {},
)
