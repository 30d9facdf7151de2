# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# mmaction2's own X3D-S on residuals.
_base_ = 'slowonly_r18_1xb16-s8-24e_synthetic-faces-chained.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='X3D',
        gamma_w=1,
        gamma_b=2.25,
        gamma_d=2.2,
        in_channels=1),
    cls_head=dict(
        _delete_=True,
        type='X3DHead',
        num_classes=7,
        in_channels=432,
        spatial_type='avg',
        dropout_ratio=0.5,
        fc1_bias=False,
        topk=(1, ),
        average_clips='prob'))
