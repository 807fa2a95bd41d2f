"""Builds the extension modules with Bazel. Everything else about the package is in pyproject.toml.

Environment:
  BAZEL                   the bazel to run; default: the one on the PATH
  NUMPACK_BAZEL_STARTUP   start-up options for it, such as --output_base=...
  NUMPACK_BAZEL_FLAGS     options for its build command
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nanobind
import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
# Extension module -> Bazel's file of it, in python/numpack.
MODULES = {"numpack._arithmetic": "_arithmetic.abi3.so", "numpack._native": "_native.so"}


class BazelBuild(build_ext):
    """Runs Bazel once and copies the modules to where setuptools wants them."""

    def build_extensions(self) -> None:
        bazel = os.environ.get("BAZEL", "bazel")
        if shutil.which(bazel) is None:
            raise SystemExit(f"numpack is built with Bazel, and there is no '{bazel}' on the PATH")
        startup = shlex.split(os.environ.get("NUMPACK_BAZEL_STARTUP", ""))
        options = [
            "--compilation_mode=opt",
            "--symlink_prefix=/",
            # pip builds with an interpreter and packages of its own: name them all.
            f"--repo_env=SYSTEM_PYTHON={sys.executable}",
            f"--repo_env=NUMPACK_NUMPY_INCLUDE={numpy.get_include()}",
            f"--repo_env=NUMPACK_NANOBIND_DIR={Path(nanobind.__file__).parent}",
            *shlex.split(os.environ.get("NUMPACK_BAZEL_FLAGS", "")),
        ]
        # Start-up and --repo_env must not depend on what else pip has put into the environment.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

        def run(command: str, *arguments: str, **keywords: object) -> subprocess.CompletedProcess:
            line = [bazel, *startup, command, *options, *arguments]
            return subprocess.run(line, cwd=ROOT, env=environment, check=True, **keywords)

        run("build", *(f"//python/numpack:{file}" for file in MODULES.values()))
        outputs = run("info", "bazel-bin", stdout=subprocess.PIPE, text=True).stdout.strip()
        for extension in self.extensions:
            destination = Path(self.get_ext_fullpath(extension.name))
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.unlink(missing_ok=True)
            shutil.copyfile(Path(outputs) / "python/numpack" / MODULES[extension.name], destination)
            destination.chmod(0o755)


setup(
    ext_modules=[
        Extension(name, sources=[], py_limited_api=file.endswith(".abi3.so"))
        for name, file in MODULES.items()
    ],
    cmdclass={"build_ext": BazelBuild},
)
