# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Set everything up and pass the tests: python tools/run_tests.py

Makes or reuses the virtual environment ``.venv`` and runs pytest in it, one
process per core, each with whole files. All further arguments are pytest's
(``-n 0`` for one process); the exit status is pytest's, too.
"""
import argparse
import sys

import bootstrap

if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='All further arguments are handed to pytest.',
        allow_abbrev=False)
    arguments = ['-m', 'pytest', '-n', 'auto', '--dist', 'loadfile']
    sys.exit(bootstrap.main(parser, arguments))
