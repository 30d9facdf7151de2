# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The RGB twin of TSN: mmaction2's own ResNet-18 and TSN head on the true
# pictures, normalised as mmaction2 does. From scratch, as all others.
_base_ = 'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-rgb.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        norm_eval=False),
    cls_head=dict(
        _delete_=True,
        type='TSNHead',
        num_classes=7,
        in_channels=512,
        topk=(1, ),
        average_clips='prob'),
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))

optim_wrapper = dict(optimizer=dict(lr=1e-3))
