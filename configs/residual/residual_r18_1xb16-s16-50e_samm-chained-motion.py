# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/residual_r18.py', '../_base_/datasets/samm.py',
    '../_base_/schedules/adamw-cosine_50e.py', '../_base_/default_runtime.py'
]

# Three planes of residual and two of motion.
model = dict(backbone=dict(in_channels=5), cls_head=dict(num_classes=5))

# Base batch: 1 device x 16 clips.
auto_scale_lr = dict(enable=False, base_batch_size=16)
