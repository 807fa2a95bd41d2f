"""The page of differences lists cases that there are. Needs no NumPack 0.7."""

import unittest

import behaviour
import listed


class ListedTest(unittest.TestCase):
    def test_only_cases_that_there_are(self):
        known = listed.differences()
        self.assertGreater(len(known), 50)
        self.assertEqual(sorted(set(known) - set(behaviour.CASES)), [])

    def test_cases_run_here(self):
        """One of each kind of outcome, in a process of its own."""
        self.assertIn("KeyError", behaviour.in_a_process("load: missing array"))
        self.assertEqual(behaviour.in_a_process("getitem: int"), "float64 (1, 2) [[4.0, 5.0]]")


if __name__ == "__main__":
    unittest.main()
