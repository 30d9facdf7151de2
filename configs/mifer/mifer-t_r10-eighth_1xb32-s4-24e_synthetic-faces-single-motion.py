# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Half as many pictures: the fastest from a file to a prediction.
_base_ = 'mifer-t_r10-eighth_1xb32-s8-24e_synthetic-faces-single-motion.py'

train_pipeline = _base_.train_pipeline[:1] + [
    dict(type='mmfer.SampleSegments', num_segments=4)
] + _base_.train_pipeline[2:]
val_pipeline = _base_.val_pipeline[:1] + [
    dict(type='mmfer.SampleSegments', num_segments=4, test_mode=True)
] + _base_.val_pipeline[2:]
test_pipeline = val_pipeline
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

model = dict(cls_head=dict(num_segments=4))
