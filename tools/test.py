# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Test a model: mmaction2's own tools/test.py, with mmfer's repairs first.

All arguments are mmaction2's; see ``python tools/test.py --help``.
"""
from mmfer.handover import run_script

if __name__ == '__main__':
    run_script('test.py')
