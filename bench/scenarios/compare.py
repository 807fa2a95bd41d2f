"""Runs the spec's update loops in NumPack and in what one would take instead, and compares them.

Every (system, scenario, round) is a process of its own. Rounds go through all systems one after
another, starting with a different one each time, so that a slow minute of the machine hits all of
them alike. Every process checks its result after the timing, and memory is measured in processes
that are not timed. Exits non-zero when a result is wrong or a worker fails.
"""

import argparse
import json
import os
import pathlib
import platform
import sys

import measure
import report
import scenarios

MODES = ("normal", "batch", "writable")


def contenders(args):
    """([Contender], [what is skipped and why])."""
    found = [
        measure.Contender("in-memory NumPy", "memory", "loop", sys.executable),
        measure.Contender("npy files", "npy", "files", sys.executable),
    ]
    skipped = []
    for mode in MODES:
        found.append(
            measure.Contender(f"numpack {mode}", "npk", mode, sys.executable, args.numpack_path)
        )
    if args.numpack07_python:
        for mode in MODES:
            name = f"numpack 0.7 {mode}"
            python = args.numpack07_python
            found.append(measure.Contender(name, "npk", mode, python, version_prefix="0.7"))
    else:
        skipped.append("NumPack 0.7: neither --numpack07-python nor $NUMPACK07_PYTHON is set")
    return found, skipped


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def measure_all(args, systems):
    """{(scenario name, contender name): results of its processes}."""
    results = {}
    for scenario in args.scenarios:
        for number in range(args.rounds):
            for system in rotated(systems, number):
                result = measure.times(system, scenario, args.dir, args.loops)
                results.setdefault((scenario.name, system.name), []).append(result)
                print(
                    f"  {scenario.name}  round {number + 1}/{args.rounds}  {system.name:22}"
                    f"{min(result['times_ms']):10.2f} ms",
                    file=sys.stderr,
                )
        for system in systems:
            result = measure.memory(system, scenario, args.dir, args.memory_seconds)
            results[scenario.name, system.name].append(result)
    return results


def machine():
    """What the figures depend on, and nothing that identifies the machine."""
    model = platform.processor()
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next((li.split(":")[1].strip() for li in lines if li.startswith("model name")), "")
    return {
        "cpu": model,
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer rounds; about a minute")
    parser.add_argument(
        "--tiny", action="store_true", help="a scenario that only shows that it works"
    )
    parser.add_argument("--rounds", type=int, help="processes for each system and scenario")
    parser.add_argument(
        "--loops", type=int, default=5, help="timed loops in each process; at most 8"
    )
    parser.add_argument("--memory-seconds", type=float, default=0.5)
    parser.add_argument("--dir", type=pathlib.Path, help="where the stores go (a temporary folder)")
    parser.add_argument("--numpack-path", default="", help="folder that holds the package numpack")
    parser.add_argument(
        "--numpack07-python",
        default=os.environ.get("NUMPACK07_PYTHON", ""),
        help="an interpreter that has NumPack 0.7 (default: $NUMPACK07_PYTHON)",
    )
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here too")
    args = parser.parse_args(argv)
    if not 1 <= args.loops <= 8:
        parser.error("--loops: 1 to 8")
    args.rounds = args.rounds or (3 if args.short or args.tiny else 7)
    args.scenarios = (scenarios.TINY,) if args.tiny else scenarios.SCENARIOS
    return args


def main(argv=None):
    args = parse(argv)
    systems, skipped = contenders(args)
    try:
        results = measure_all(args, systems)
    except measure.WorkerError as error:
        print(f"a worker failed:\n{error}", file=sys.stderr)
        return 1
    figures = {"machine": machine(), "skipped": skipped, "rows": report.rows(results)}
    table = report.markdown(figures)
    print(table)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    if args.markdown:
        args.markdown.write_text(table)
    wrong = [row for row in figures["rows"] if not row["verified"]]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
