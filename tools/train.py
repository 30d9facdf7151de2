# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train a model: mmaction2's own tools/train.py, with mmfer's repairs first.

All arguments are mmaction2's; see ``python tools/train.py --help``.
"""
from mmfer.handover import run_script

if __name__ == '__main__':
    run_script('train.py')
