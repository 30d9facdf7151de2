# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Set everything up and see mmfer work: python tools/quickstart.py

Makes or reuses the virtual environment ``.venv``; then makes labelled videos
of synthetic faces, trains and tests an identity-aware model, the same without
its penalty and an RGB twin with mmaction2's own scripts, measures what their
codes tell of the person, and classifies one unseen file. Run it again after
an interruption: it goes on where it stopped.
"""
import argparse
import sys

import bootstrap

if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog='Further options: python -m mmfer.quickstart --help',
        allow_abbrev=False)
    sys.exit(bootstrap.main(parser, ['-m', 'mmfer.quickstart']))
