"""The page of differences lists cases that there are. Needs no NumPack 0.7."""

import pathlib
import sys
import unittest

# The package; the folder that Bazel puts on the path has the C++ of that name.
sys.path.insert(0, str(pathlib.Path(__file__).absolute().parents[2] / "python"))

import behaviour
import listed


class ListedTest(unittest.TestCase):
    def test_only_cases_that_there_are(self):
        known = listed.differences()
        self.assertGreater(len(known), 50)
        self.assertEqual(sorted(set(known) - set(behaviour.CASES)), [])

    def test_cases_run_here(self):
        self.assertIn("KeyError", behaviour.in_a_process("load: missing array"))
        self.assertEqual(behaviour.in_a_process("getitem: int"), "float64 (1, 2) [[4.0, 5.0]]")


if __name__ == "__main__":
    unittest.main()
