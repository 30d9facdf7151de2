# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
_base_ = [
    '../_base_/models/mifer-dcor_r18.py', '../_base_/datasets/enterface05.py',
    '../_base_/schedules/min-min-adamw-cosine_50e.py',
    '../_base_/default_runtime.py'
]

# tools/data/extract_identity.py --whiten 64 writes it.
identity_file = '{{$MMFER_DATA:data}}/enterface05/identity.npz'

# Identity exists in training only.
train_pipeline = _base_.train_pipeline[:3] + [
    dict(type='mmfer.LoadIdentity', file=identity_file, fold=_base_.fold)
] + _base_.train_pipeline[3:-1] + [
    dict(
        type='PackActionInputs',
        algorithm_keys=('identity', ),
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
# A dependence between two features shows in large batches only.
train_dataloader = dict(
    batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=32)
test_dataloader = dict(batch_size=32)

model = dict(cls_head=dict(num_classes=6))

# Base batch: 1 device x 32 clips.
auto_scale_lr = dict(enable=False, base_batch_size=32)
