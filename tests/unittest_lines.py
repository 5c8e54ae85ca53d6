# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends a program of Python's unittest as tests/check wants every suite to end: N passed, N failed."""

import contextlib
import io
import sys
import unittest


def run_tests_of_main() -> int:
    """Runs the tests of the program; what they print is left out, what unittest says goes to stderr.

    Returns the exit status.
    """
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    with contextlib.redirect_stdout(io.StringIO()):
        result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0
