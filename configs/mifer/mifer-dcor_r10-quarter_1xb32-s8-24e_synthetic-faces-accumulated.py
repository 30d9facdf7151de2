# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# On residuals accumulated back to the I frame (CoViAR's definition).
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

reader = dict(
    type='mmfer.ReadResiduals',
    mode='accumulated',
    channels='y',
    motion=True)

train_pipeline = \
    _base_.train_pipeline[:2] + [reader] + _base_.train_pipeline[3:]
val_pipeline = _base_.val_pipeline[:2] + [reader] + _base_.val_pipeline[3:]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
