"""The table in spec_examples.md names the tests that there are, all of them and no other."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parent.parent


class SpecExamplesTest(unittest.TestCase):
    def test_table_and_tests_agree(self):
        table = (ROOT / "docs/spec_examples.md").read_text(encoding="utf-8")
        tests = (ROOT / "python/tests/test_spec_examples.py").read_text(encoding="utf-8")
        there = re.findall(r"^def (test_\w+)\(", tests, re.MULTILINE)
        self.assertGreater(len(there), 20)
        self.assertEqual(sorted(re.findall(r"`(test_\w+)`", table)), sorted(there))


if __name__ == "__main__":
    unittest.main()
