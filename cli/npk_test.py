"""The npk program from end to end: what it prints, writes, and how it ends."""

import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings
import zipfile

import numpy as np

NPK = pathlib.Path(__file__).absolute().parent / "npk"
DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"]


class NpkTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_npk(self, *words, code=0):
        run = subprocess.run(
            [NPK, *map(str, words)], capture_output=True, text=True, cwd=self.folder, timeout=60
        )
        self.assertEqual(run.returncode, code, (words, run.stdout, run.stderr))
        return run

    def json(self, *words, code=0):
        return json.loads(self.run_npk(*words, "--json", code=code).stdout)

    def save_npy(self, name, array):
        np.save(self.folder / name, array)
        return array

    def out_of_store(self, store, name):
        self.run_npk("convert", store, "out.npy", "--array", name, "--force")
        return np.load(self.folder / "out.npy")

    def assert_same(self, left, right):
        self.assertEqual(left.dtype, right.dtype.newbyteorder("="))
        self.assertEqual(left.shape, right.shape)
        self.assertEqual(left.tobytes(), right.astype(right.dtype.newbyteorder("=")).tobytes())

    # --- Usage

    def test_usage_errors_end_with_2_and_say_what_to_do(self):
        for words, hint in [
            ([], "--help"),
            (["nonsense"], "--help"),
            (["ls"], "usage: npk ls STORE"),
            (["ls", "a", "b"], "usage: npk ls STORE"),
            (["ls", "--nonsense", "a"], "unknown option"),
            (["ls", "--json=1", "a"], "takes no value"),
            (["convert", "a.npy", "b", "--name"], "needs a NAME"),
            (["convert", "a", "b"], "both stores"),
            (["convert", "a.npy", "b.npz"], "neither FROM nor TO"),
            (["convert", "a.npy", "b", "--from", "xyz"], "no format"),
            (["convert", "a.npz", "b", "--name", "x"], "--name"),
        ]:
            with self.subTest(words=words):
                run = self.run_npk(*words, code=2)
                self.assertIn(hint, run.stderr)

    def test_help(self):
        summary = self.run_npk("--help").stdout
        for command in ["ls", "info", "verify", "repair", "vacuum", "convert"]:
            self.assertIn(command, summary)
            self.assertIn("usage: npk " + command, self.run_npk(command, "--help").stdout)

    def test_what_is_not_there(self):
        self.assertIn("no directory", self.run_npk("ls", "missing", code=1).stderr)
        (self.folder / "empty").mkdir()
        self.assertIn("without a store", self.run_npk("info", "empty", code=1).stderr)
        answer = self.json("ls", "missing", code=1)
        self.assertFalse(answer["ok"])
        self.assertEqual(answer["code"], "NOT_FOUND")
        self.assertEqual(list((self.folder / "empty").iterdir()), [])

    # --- Listing

    def test_ls_and_info(self):
        self.save_npy("w.npy", np.zeros((3, 4), np.float32))
        self.run_npk("convert", "w.npy", "s")
        self.run_npk("convert", "w.npy", "s", "--name", 'od"d\n\u00e9')
        arrays = self.json("ls", "s")["arrays"]
        self.assertEqual([a["name"] for a in arrays], ["w", 'od"d\n\u00e9'])
        self.assertEqual(arrays[0]["dtype"], "float32")
        self.assertEqual(arrays[0]["shape"], [3, 4])
        self.assertEqual(arrays[0]["nbytes"], 48)
        self.assertEqual(len(self.run_npk("ls", "s").stdout.splitlines()), 2)
        self.assertEqual(self.json("info", "s", "w")["arrays"], arrays[:1])
        self.assertIn("npk ls", self.run_npk("info", "s", "x", code=1).stderr)
        info = self.json("info", "s")
        self.assertEqual(info["arrays"], 2)
        self.assertEqual(info["live_bytes"], 96)
        self.assertEqual(info["interrupted"], [])
        self.assertIn("live_bytes", self.run_npk("info", "s").stdout)

    # --- Checking and saving

    def make_store(self):
        arrays = {"a": np.arange(10.0), "b": np.arange(100_000), "c": np.arange(7)}
        np.savez(self.folder / "z.npz", **arrays)
        self.run_npk("convert", "z.npz", "s")
        return arrays

    def bytes_of(self, folder):
        return {p.name: p.read_bytes() for p in (self.folder / folder).iterdir()}

    def test_verify_a_sound_store(self):
        self.make_store()
        before = self.bytes_of("s")
        self.assertIn("in order", self.run_npk("verify", "s").stdout)
        answer = self.json("verify", "s")
        self.assertTrue(answer["ok"])
        self.assertEqual(answer["arrays"], 3)
        self.assertEqual(answer["findings"], [])
        self.assertEqual(self.bytes_of("s"), before)
        (self.folder / "s" / "notes.txt").write_text("mine")
        self.assertIn("note: notes.txt", self.run_npk("verify", "s").stdout)
        self.run_npk("verify", "missing", code=1)
        self.assertFalse((self.folder / "missing").exists())

    def test_verify_and_repair_a_damaged_store(self):
        arrays = self.make_store()
        [large] = [p for p in (self.folder / "s").glob("segment.*") if p.name != "segment.1"]
        large.unlink()
        before = self.bytes_of("s")
        run = self.run_npk("verify", "s", code=1)
        self.assertIn("error: " + large.name, run.stdout)
        self.assertIn("npk repair", run.stdout)
        [finding] = self.json("verify", "s", code=1)["findings"]
        self.assertEqual((finding["severity"], finding["array"]), ("error", "b"))
        answer = self.json("repair", "s", "new", code=1)
        self.assertEqual(answer["saved"], ["a", "c"])
        self.assertEqual([lost["name"] for lost in answer["lost"]], ["b"])
        self.assertEqual(self.bytes_of("s"), before)
        self.assertTrue(self.json("verify", "new")["ok"])
        for name in ["a", "c"]:
            self.assert_same(self.out_of_store("new", name), arrays[name])
        self.assertIn("not empty", self.run_npk("repair", "s", "new", code=1).stderr)
        self.assertIn("lost 'b'", self.run_npk("repair", "s", "newer", code=1).stdout)

    def test_contents_with_checksums(self):
        array = self.save_npy("w.npy", np.arange(100_000.0))
        self.run_npk("convert", "w.npy", "s", "--checksum")
        self.run_npk("convert", "w.npy", "s", "--name", "without")
        shown = [(a["name"], a["checksum"]) for a in self.json("ls", "s")["arrays"]]
        self.assertEqual(shown, [("w", True), ("without", False)])
        self.assertTrue(self.json("info", "s", "w")["arrays"][0]["checksum"])
        self.assertEqual(self.json("info", "s")["checksums"], 1)
        self.assertEqual(self.json("verify", "s")["contents_checked"], 1)
        for segment in (self.folder / "s").glob("segment.*"):
            damaged = bytearray(segment.read_bytes())
            damaged[5000] ^= 4
            segment.write_bytes(damaged)
        [finding] = self.json("verify", "s", code=1)["findings"]
        self.assertEqual((finding["severity"], finding["array"]), ("error", "w"))
        self.assertIn("checksum", finding["what"])
        self.assertIn("npk repair", finding["remedy"])
        self.assertIn("array 'w'", self.run_npk("verify", "s", code=1).stdout)
        self.assertEqual(self.json("verify", "s", "--no-contents")["contents_checked"], 0)
        answer = self.json("repair", "s", "new", code=1)
        self.assertEqual(answer["saved"], ["w", "without"])
        self.assertEqual([doubt["name"] for doubt in answer["doubtful"]], ["w"])
        back = self.out_of_store("new", "w")
        self.assertEqual(np.count_nonzero(back != array), 1)
        self.run_npk("convert", "new", "x.npz", "--checksum", code=2)

    def test_repair_of_a_sound_store_is_a_copy(self):
        arrays = self.make_store()
        self.assertEqual(self.json("repair", "s", "new")["saved"], list(arrays))

    # --- Packing

    def test_vacuum(self):
        arrays = {f"a{i}": np.arange(1000.0) + i for i in range(200)}
        np.savez(self.folder / "z.npz", **arrays)
        self.run_npk("convert", "z.npz", "s")
        kept = {"a0": np.ones(3), "a150": np.ones(5)}
        for name, array in arrays.items():  # all but two become empty
            kept.setdefault(name, array[:0])
        np.savez(self.folder / "kept.npz", **kept)
        self.run_npk("convert", "kept.npz", "s", "--force")
        answer = self.json("vacuum", "s")
        self.assertTrue(answer["ok"])
        self.assertEqual(answer["held"], [])
        before, after = answer["before_bytes"], answer["after_bytes"]
        self.assertEqual(answer["reclaimed_bytes"], before - after)
        self.assertLess(answer["after_bytes"], 140_000)
        again = self.run_npk("vacuum", "s").stdout
        self.assertIn("0 B given back", again)
        self.assertTrue(self.json("verify", "s")["ok"])
        for name, array in kept.items():
            self.assert_same(self.out_of_store("s", name), array)

    def test_vacuum_needs_a_store(self):
        self.assertIn("no directory", self.run_npk("vacuum", "missing", code=1).stderr)
        self.assertEqual(self.json("vacuum", "missing", code=1)["code"], "NOT_FOUND")
        self.assertIn("usage: npk vacuum", self.run_npk("vacuum", code=2).stderr)

    # --- Converting

    def test_npy_of_every_type_shape_and_order(self):
        number = 0
        for dtype in DTYPES:
            for shape in [(), (0,), (0, 3), (7,), (5, 3), (2, 3, 4), (1, 1, 6, 2)]:
                for order in "CF":
                    for endian in "<>":
                        array = np.arange(int(np.prod(shape))).reshape(shape)
                        array = array.astype(np.dtype(dtype).newbyteorder(endian), order=order)
                        number += 1
                        np.save(self.folder / f"a{number}.npy", array)
        arrays = {f"a{i}": np.load(self.folder / f"a{i}.npy") for i in range(1, number + 1)}
        np.savez(self.folder / "all.npz", **arrays)
        answer = self.json("convert", "all.npz", "s")
        self.assertEqual(answer["arrays"], list(arrays))
        self.run_npk("convert", "s", "back.npz")
        back = np.load(self.folder / "back.npz")
        self.assertEqual(set(back.files), set(arrays))
        for name, array in arrays.items():
            self.assert_same(back[name], array)
        self.run_npk("convert", "a1.npy", "one")
        self.assert_same(self.out_of_store("one", "a1"), arrays["a1"])

    def test_arrays_of_many_blocks(self):
        rng = np.random.default_rng(1)
        for array in [
            rng.random((3000, 700)),
            np.asfortranarray(rng.random((3000, 700))),
            np.asfortranarray(rng.random((5, 200_000))),
            np.asfortranarray(rng.integers(0, 99, (200, 30, 90)).astype(">i4")),
        ]:
            self.save_npy("big.npy", array)
            self.run_npk("convert", "big.npy", "s", "--force")
            self.assert_same(self.out_of_store("s", "big"), array)

    def test_every_version_of_the_header(self):
        for version in [(1, 0), (2, 0), (3, 0)]:
            array = np.arange(6.0).reshape(2, 3)
            with (self.folder / "v.npy").open("wb") as file:
                np.lib.format.write_array(file, array, version=version)
            self.run_npk("convert", "v.npy", "s", "--force")
            self.assert_same(self.out_of_store("s", "v"), array)

    def test_files_that_are_no_npy(self):
        good = io.BytesIO()
        np.save(good, np.arange(100))
        good = good.getvalue()
        header = b"\x93NUMPY\x01\x00"
        bad = {
            "empty": b"",
            "short": good[:9],
            "cut": good[:-1],
            "cut header": good[:40],
            "no mark": b"x" + good[1:],
            "version": header[:6] + b"\x09\x00" + good[8:],
            "huge header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + good,
            "overflow": good.replace(b"(100,), }", b"(9999999999999999999,), }")[: len(good)],
            "negative": good.replace(b"(100,)", b"(-10,)"),
            "open": good.replace(b"}", b" "),
            "twice": good.replace(b"'fortran_order': False", b"'descr': '<i8'        "),
        }
        for what, contents in bad.items():
            with self.subTest(what):
                (self.folder / "bad.npy").write_bytes(contents)
                error = self.run_npk("convert", "bad.npy", "s", code=1).stderr
                self.assertIn("bad.npy", error)
        for array in [np.array(["text"]), np.zeros(2, "f4,i4"), np.zeros(2, "M8[s]")]:
            self.save_npy("bad.npy", array)
            self.assertIn("stored", self.run_npk("convert", "bad.npy", "s", code=1).stderr)
        self.assertEqual(self.json("ls", "s")["arrays"], [])

    def test_archives_that_are_damaged_or_compressed(self):
        arrays = {"a": np.arange(1000.0), "b": np.arange(3)}
        np.savez_compressed(self.folder / "z.npz", **arrays)
        self.assertIn("numpy.savez", self.run_npk("convert", "z.npz", "s", code=1).stderr)
        np.savez(self.folder / "z.npz", **arrays)
        good = (self.folder / "z.npz").read_bytes()
        flipped = good[:1000] + bytes([good[1000] ^ 1]) + good[1001:]
        for contents in [b"", good[:100], good[:-30], good[5:], flipped]:
            (self.folder / "z.npz").write_bytes(contents)
            self.assertIn("z.npz", self.run_npk("convert", "z.npz", "s", code=1).stderr)
        self.assertEqual(self.json("ls", "s")["arrays"], [])  # all or none

    def test_an_archive_with_two_arrays_of_one_name(self):
        np.savez(self.folder / "z.npz", a=np.arange(3))
        with zipfile.ZipFile(self.folder / "z.npz", "a") as archive:
            member = archive.read("a.npy")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                archive.writestr("a.npy", member)
        self.assertIn("'a'", self.run_npk("convert", "z.npz", "s", code=1).stderr)
        self.assertEqual(self.json("ls", "s")["arrays"], [])

    def test_nothing_is_replaced_unasked(self):
        old = self.save_npy("w.npy", np.arange(3))
        self.run_npk("convert", "w.npy", "s")
        new = self.save_npy("w.npy", np.arange(5))
        self.assertIn("--force", self.run_npk("convert", "w.npy", "s", code=1).stderr)
        self.assertIn("--force", self.run_npk("convert", "s", "w.npy", code=1).stderr)
        self.assert_same(self.out_of_store("s", "w"), old)
        self.run_npk("convert", "w.npy", "s", "--force")
        self.assert_same(self.out_of_store("s", "w"), new)
        self.assertEqual([p.name for p in self.folder.glob("*.part")], [])

    def test_selected_arrays(self):
        np.savez(self.folder / "z.npz", a=np.arange(3), b=np.arange(4), c=np.arange(5))
        self.run_npk("convert", "z.npz", "s", "--array", "a", "--array", "c")
        self.assertEqual([a["name"] for a in self.json("ls", "s")["arrays"]], ["a", "c"])
        self.assertIn("--array", self.run_npk("convert", "s", "x.npy", code=1).stderr)
        self.run_npk("convert", "s", "x.npz", "--array", "c")
        self.assertEqual(np.load(self.folder / "x.npz").files, ["c"])
        self.assertIn("'q'", self.run_npk("convert", "s", "y.npz", "--array", "q", code=1).stderr)
        self.run_npk("convert", "z.npz", "t", "--array", "q", code=1)

    def test_numpack_0_7_both_ways(self):
        arrays = {"a": np.arange(12.0).reshape(3, 4), "b": np.arange(5, dtype="u1")}
        np.savez(self.folder / "z.npz", **arrays)
        self.run_npk("convert", "z.npz", "s")
        self.run_npk("convert", "s", "old", "--to", "v1")
        self.assertTrue((self.folder / "old" / "metadata.npkm").is_file())
        self.assertEqual({a["name"] for a in self.json("ls", "old")["arrays"]}, set(arrays))
        before = {p.name: p.read_bytes() for p in (self.folder / "old").iterdir()}
        self.run_npk("convert", "old", "new")
        self.assertEqual(before, {p.name: p.read_bytes() for p in (self.folder / "old").iterdir()})
        for name, array in arrays.items():
            self.assert_same(self.out_of_store("new", name), array)
        self.run_npk("convert", "s", "old", "--to", "v1", code=1)  # not empty


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
