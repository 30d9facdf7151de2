# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# mmaction2's own ResNet-18 and TSN head on residuals.
_base_ = 'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        in_channels=1,
        norm_eval=False),
    cls_head=dict(
        _delete_=True,
        type='TSNHead',
        num_classes=7,
        in_channels=512,
        topk=(1, ),
        average_clips='prob'))

optim_wrapper = dict(optimizer=dict(lr=1e-3))
