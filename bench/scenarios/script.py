"""What the programs of this folder share: options, and how they run processes of their own."""

import argparse
import json
import os
import pathlib
import subprocess
import sys


def parser(doc):
    """With the options that all have; the first line of the program's text describes it."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--dir", type=pathlib.Path, help="where the stores go (a temporary folder)")
    made.add_argument("--numpack-path", default="", help="folder that holds the package numpack")
    made.add_argument("--json", type=pathlib.Path, help="write all figures here")
    # For a process that is measured, as task_command makes it.
    made.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    return made


def add_numpack07(to):
    to.add_argument(
        "--numpack07-python",
        default=os.environ.get("NUMPACK07_PYTHON", ""),
        help="an interpreter that has NumPack 0.7 (default: $NUMPACK07_PYTHON)",
    )


def write_json(args, figures):
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def task_command(program, task, python=sys.executable):
    """Runs the program with args.task, which is what JSON makes of the task."""
    return [python, str(program), "--task", json.dumps(task)]


def environment(python_path):
    """Of a process that is measured: the packages in that folder, and none of the user's own."""
    return {
        **os.environ,
        "PYTHONPATH": python_path,
        "PYTHONNOUSERSITE": "1",
        # Threads of NumPy's BLAS have nothing to do here and would only be counted as memory.
        "OPENBLAS_NUM_THREADS": "1",
    }


def result(command, python_path, preexec_fn=None):
    """What the process writes to standard output, read as JSON; RuntimeError when it fails."""
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(python_path),
        preexec_fn=preexec_fn,
    )
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip()[-2000:] or f"it ended with {run.returncode}")
    return json.loads(run.stdout)
