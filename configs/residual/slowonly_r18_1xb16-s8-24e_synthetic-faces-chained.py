# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# mmaction2's own SlowOnly on residuals: a 3D network, hence NCTHW.
_base_ = 'residual_r10-quarter_1xb16-s8-24e_synthetic-faces-chained.py'

shape = dict(type='mmfer.FormatResidual', input_format='NCTHW')
train_pipeline = \
    _base_.train_pipeline[:-2] + [shape] + _base_.train_pipeline[-1:]
val_pipeline = _base_.val_pipeline[:-2] + [shape] + _base_.val_pipeline[-1:]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

model = dict(
    type='Recognizer3D',
    backbone=dict(
        _delete_=True,
        type='ResNet3dSlowOnly',
        depth=18,
        in_channels=1,
        pretrained=None,
        pretrained2d=False,
        lateral=False,
        conv1_kernel=(1, 7, 7),
        conv1_stride_t=1,
        pool1_stride_t=1,
        inflate=(0, 0, 1, 1),
        norm_eval=False),
    cls_head=dict(
        _delete_=True,
        type='I3DHead',
        num_classes=7,
        in_channels=512,
        topk=(1, ),
        average_clips='prob'),
    data_preprocessor=dict(format_shape='NCTHW'))

optim_wrapper = dict(optimizer=dict(lr=1e-3))
