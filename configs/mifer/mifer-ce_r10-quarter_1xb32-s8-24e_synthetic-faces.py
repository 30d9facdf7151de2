# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The control: the same network without any penalty. It needs no identity.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

train_pipeline = _base_.train_pipeline[:3] + _base_.train_pipeline[4:-1] + [
    dict(
        type='PackActionInputs',
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(identity_head=None)
