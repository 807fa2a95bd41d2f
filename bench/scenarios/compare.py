"""Runs scenarios in NumPack and in what one would take instead, and compares them.

Every (system, scenario, round) is a process of its own. Rounds go through all systems one after
another, starting with a different one each time, so that a slow minute of the machine hits all of
them alike. Every process checks its result after the timing, and memory is measured in processes
that are not timed. Exits non-zero when a worker of ours fails, or a result
is wrong, but for NumPack 0.7's.
"""

import dataclasses
import os
import pathlib
import platform
import sys

import measure
import report
import scenarios
import script

# Name, module of systems/, mode, and above how many arrays filling the store takes minutes.
_OTHERS = (
    ("in-memory NumPy", "memory", "loop", 1_000_000),
    ("npy files", "npy", "files", 20_000),
    ("memmap", "memmap", "mapped", 20_000),
    ("h5py", "hdf5", "file", 20_000),
    ("zarr", "zarr_arrays", "folders", 1_000),
    ("tensorstore", "tensorstore_arrays", "folders", 1_000),
    ("LMDB", "lmdb_arrays", "relaxed", 1_000_000),
    ("LMDB durable", "lmdb_arrays", "durable", 1_000_000),
    ("safetensors", "safetensors_file", "file", 1_000),
)
_OUR_MODES = ("normal", "batch", "writable", "durable")
_OLD_MODES = ("normal", "batch", "writable")


def contenders(args):
    """({Contender: what it says of itself}, [what is skipped and why])."""
    wanted = [
        measure.Contender(name, module, mode, sys.executable, most_arrays=most)
        for name, module, mode, most in _OTHERS
    ]
    ours = measure.Contender("", "npk", "", sys.executable, args.numpack_path)
    for mode in _OUR_MODES:
        wanted.append(dataclasses.replace(ours, name=f"numpack {mode}", mode=mode))
    skipped = []
    if args.numpack07_python:
        python = args.numpack07_python
        old = measure.Contender("", "npk", "", python, version_prefix="0.7", most_arrays=20_000)
        for mode in _OLD_MODES:
            wanted.append(dataclasses.replace(old, name=f"numpack 0.7 {mode}", mode=mode))
    else:
        skipped.append("NumPack 0.7: neither --numpack07-python nor $NUMPACK07_PYTHON is set")
    found = {}
    for contender in wanted:
        if args.systems and not any(word in contender.name for word in args.systems):
            continue
        try:
            found[contender] = measure.describe(contender)
        except measure.WorkerError as error:
            skipped.append(f"{contender.name}: {error}")
    return found, skipped


def takes_part(contender, description, scenario):
    """Whether the system has that kind of work, and its mode is among those that are compared."""
    offers = {scenario.timed, *scenario.needs} <= set(description["offers"])
    small_enough = scenario.count_of_arrays <= contender.most_arrays
    chosen = contender.module != "npk" and contender.mode != "durable"
    right_mode = chosen or contender.mode in scenario.modes
    named = any(word in contender.name for word in scenario.only)
    return offers and small_enough and right_mode and named


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def measure_all(args, systems):
    """({(scenario name, contender name): results of its processes}, {the same: why it failed}).

    WorkerError when one of our own fails.
    """
    results, failed = {}, {}
    for scenario in args.scenarios:
        taking_part = [s for s, said in systems.items() if takes_part(s, said, scenario)]
        rounds = min(args.rounds, scenario.rounds)
        for number in range(rounds if taking_part else 0):
            for system in rotated(taking_part, number):
                key = (scenario.name, system.name)
                if key in failed:
                    continue
                try:
                    result = measure.times(system, scenario, args.dir, args.loops, args.seconds)
                except measure.WorkerError as error:
                    if report.is_ours(system.name):
                        raise
                    failed[key] = (str(error).splitlines() or ["it was killed"])[-1]
                    continue
                waits = systems[system]["waits"].get(system.mode, ())
                result["waits"] = scenario.timed in waits
                results.setdefault(key, []).append(result)
                print(
                    f"  {scenario.name}  round {number + 1}/{rounds}  {system.name:22}"
                    f"{min(result['times_ms']):12.4f} ms",
                    file=sys.stderr,
                )
        if not scenario.watched:
            continue
        for system in taking_part:
            if (scenario.name, system.name) not in failed:
                result = measure.memory(system, scenario, args.dir, args.memory_seconds)
                results[scenario.name, system.name].append(result)
    return results, failed


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
    parser = script.parser(__doc__)
    parser.add_argument(
        "--short", action="store_true", help="fewer scenarios and rounds; some minutes"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="scenarios that only show that everything works"
    )
    parser.add_argument(
        "--set", choices=scenarios.SETS, action="append", help="only these scenarios (may repeat)"
    )
    parser.add_argument("--systems", nargs="*", help="only systems with one of these in their name")
    parser.add_argument("--rounds", type=int, help="processes for each system and scenario")
    parser.add_argument("--loops", type=int, default=5, help="timed samples in each process")
    parser.add_argument(
        "--seconds", type=float, help="no more samples after that time in one process"
    )
    parser.add_argument(
        "--memory-seconds", type=float, help="how long a process works whose memory is looked at"
    )
    script.add_numpack07(parser)
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here too")
    args = parser.parse_args(argv)
    if args.loops < 1:
        parser.error("--loops: 1 or more")
    args.rounds = args.rounds or (1 if args.short else 2 if args.tiny else 5)
    args.seconds = args.seconds or (0.3 if args.short else 5)
    args.memory_seconds = args.memory_seconds or (0.1 if args.short else 0.5)
    args.scenarios = [
        scenario
        for name, group in scenarios.SETS.items()
        for scenario in group
        if (name == "tiny") == args.tiny
        and (not args.set or name in args.set)
        and (not args.short or scenario in scenarios.SHORT)
    ]
    return args


def main(argv=None):
    args = parse(argv)
    systems, skipped = contenders(args)
    try:
        results, failed = measure_all(args, systems)
    except measure.WorkerError as error:
        print(f"a worker failed:\n{error}", file=sys.stderr)
        return 1
    skipped += [f"{name} at {scenario}: {why}" for (scenario, name), why in failed.items()]
    figures = {
        "machine": machine(),
        "skipped": skipped,
        "rows": report.rows(results),
    }
    table = report.markdown(figures)
    print(table)
    script.write_json(args, figures)
    if args.markdown:
        args.markdown.write_text(table)
    # NumPack 0.7 replaces scattered rows wrongly; the report says so, and it is not our failure.
    wrong = [r for r in figures["rows"] if not r["verified"] and report.OLD not in r["system"]]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
