# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The tiny size on single packets and their motion, which random access reads.
_base_ = 'mifer-t_r10-eighth_1xb32-s8-24e_synthetic-faces.py'

reader = dict(
    type='mmfer.ReadResiduals', mode='single', channels='y', motion=True)

train_pipeline = \
    _base_.train_pipeline[:2] + [reader] + _base_.train_pipeline[3:]
val_pipeline = _base_.val_pipeline[:2] + [reader] + _base_.val_pipeline[3:]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
