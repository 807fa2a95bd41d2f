"""Runs behaviour.py with NumPack 0.7 and with this package, and holds the result against the docs.

usage: compare.py PYTHON07 PYTHON FOLDER     FOLDER holds the package numpack for PYTHON
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import listed  # noqa: E402, the file beside this one


def outcomes(python, python_path):
    environment = {**os.environ, "PYTHONPATH": python_path, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, str(HERE / "behaviour.py")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def is_same(old, new):
    """Whether a program would notice nothing."""
    if old.startswith("raises ") and new.startswith("raises "):
        return old.split()[1] in new.split()[1:]
    return old == new


def main():
    old = outcomes(sys.argv[1], "")
    new = outcomes(sys.argv[2], sys.argv[3])
    if not old["version"].startswith("0.7.") or new["version"].startswith("0.7."):
        raise SystemExit(f"these are {old['version']} and {new['version']}")
    known = listed.differences()
    unlisted, gone = [], []
    for name, before in old["outcomes"].items():
        after = new["outcomes"][name]
        differs = not is_same(before, after)
        if differs:
            print(f"{name}\n  0.7:  {before[:200]}\n  here: {after[:200]}")
        if differs and name not in known:
            unlisted.append(name)
        if not differs and name in known and known[name] == "always":
            gone.append(name)
    print(f"{len(old['outcomes'])} cases, {len(known)} known differences")
    for name in unlisted:
        print(f"NOT LISTED in {listed.PAGE.name}: {name}")
    for name in gone:
        print(f"listed in {listed.PAGE.name}, but no difference: {name}")
    return 1 if unlisted or gone else 0


if __name__ == "__main__":
    sys.exit(main())
