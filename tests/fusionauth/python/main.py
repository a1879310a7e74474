"""Runs one of the programs beside it: python main.py NAME. Each check tells a line of its own."""

import importlib
import sys

importlib.import_module({"python": "python_suite"}.get(sys.argv[1], sys.argv[1])).main()
