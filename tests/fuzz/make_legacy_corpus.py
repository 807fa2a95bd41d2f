#!/usr/bin/env python3
"""Takes the first inputs of the legacy targets out of the golden directories of NumPack 0.7.

usage: make_legacy_corpus.py     (writes corpus/legacy_*/golden_*; leaves other files there alone)
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "v07"


def blocks(path):
    """(heading, bytes) of each block of a golden file."""
    heading, digits = None, []
    for line in [*path.read_text().splitlines(), "end "]:
        if " " in line:
            if heading:
                yield heading, bytes.fromhex("".join(digits))
            heading, digits = line, []
        else:
            digits.append(line)


def put(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"golden_{name}").write_bytes(data)


def main():
    for path in sorted(GOLDEN.glob("*.txt")):
        found = dict(blocks(path))
        put("legacy_metadata", path.stem, found["file metadata.npkm"])
        for number, (heading, data) in enumerate(found.items()):
            if heading.endswith(".npkseg"):
                put("legacy_manifest", f"{path.stem}_{number}", data)
            if heading.endswith(".npkb"):
                rows = struct.unpack_from("<Q", data)[0]
                put("legacy_bitmap", f"{path.stem}_{number}", struct.pack("<Q", rows) + data)
                # The variant without a heading.
                put("legacy_bitmap", f"{path.stem}_{number}_bare", data[:8] + data[16:])


if __name__ == "__main__":
    main()
