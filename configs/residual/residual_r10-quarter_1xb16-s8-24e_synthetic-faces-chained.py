# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/residual_r10-quarter.py',
    '../_base_/datasets/synthetic-faces.py',
    '../_base_/schedules/adamw-cosine_24e.py', '../_base_/default_runtime.py'
]

# Base batch: 1 device x 16 clips.
auto_scale_lr = dict(enable=False, base_batch_size=16)
