# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
_base_ = 'residual_r18_1xb16-s16-50e_own-clips-chained.py'

# Two more planes: the motion, summed up along the chain. Best with H.264,
# whose encoders search motion in small blocks and quarter pixels.
reader = dict(type='mmfer.ReadResiduals', mode='chained', motion=True)

train_pipeline = \
    _base_.train_pipeline[:2] + [reader] + _base_.train_pipeline[3:]
val_pipeline = _base_.val_pipeline[:2] + [reader] + _base_.val_pipeline[3:]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

model = dict(backbone=dict(in_channels=5))
