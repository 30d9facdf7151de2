# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# For clips of your own, on a GPU. If your classes are not seven, set
# `model.cls_head.num_classes`.
_base_ = [
    '../_base_/models/residual_r18.py', '../_base_/datasets/own-clips.py',
    '../_base_/schedules/adamw-cosine_50e.py', '../_base_/default_runtime.py'
]

# Base batch: 1 device x 16 clips.
auto_scale_lr = dict(enable=False, base_batch_size=16)
