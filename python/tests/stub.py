"""numpack/_native.pyi: the types of the extension module, as nanobind reads them off its bindings.

After a change of the bindings: ``bazel run //python/tests:write_stub``
"""

import os
import sys
from pathlib import Path

PYTHON = Path(__file__).parent.parent
NAME = "numpack/_native.pyi"


def write(file: Path) -> None:
    """Generates the stub. Needs nanobind."""
    from nanobind import stubgen

    patterns = PYTHON / "numpack/native/stub_patterns.txt"
    options = ["--quiet", "--include-private", f"--pattern-file={patterns}"]
    stubgen.main([*options, "--module=numpack._native", f"--output-file={file}"])


if __name__ == "__main__":
    sys.path.insert(0, str(PYTHON))
    write(Path(os.environ["BUILD_WORKSPACE_DIRECTORY"]) / "python" / NAME)
