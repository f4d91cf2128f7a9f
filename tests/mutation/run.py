"""Mutation tests of the numerical modules: ``python tests/mutation/run.py --help``."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    import_module("tests.mutation.command").main()
