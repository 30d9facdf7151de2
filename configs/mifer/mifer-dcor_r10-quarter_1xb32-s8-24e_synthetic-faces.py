# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The recommended form: residuals and motion chained from the start of the
# clip, and as penalty the distance correlation given the expression, over the
# last 256 clips. It has no estimator.
_base_ = [
    '../_base_/models/residual_r10-quarter.py',
    '../_base_/datasets/synthetic-faces.py',
    '../_base_/schedules/adamw-cosine_24e.py', '../_base_/default_runtime.py'
]

# tools/data/extract_identity.py writes it.
identity_file = '{{$MMFER_DATA:data}}/synthetic_faces/identity.npz'
reader = dict(
    type='mmfer.ReadResiduals', mode='chained', channels='y', motion=True)

# Identity exists in training only.
train_pipeline = _base_.train_pipeline[:2] + [
    reader,
    dict(type='mmfer.LoadIdentity', file=identity_file)
] + _base_.train_pipeline[3:-1] + [
    dict(
        type='PackActionInputs',
        algorithm_keys=('identity', ),
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
val_pipeline = _base_.val_pipeline[:2] + [reader] + _base_.val_pipeline[3:]
test_pipeline = val_pipeline
# A dependence between two features shows in large batches only.
train_dataloader = dict(
    batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=32, dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=32, dataset=dict(pipeline=test_pipeline))

model = dict(
    type='mmfer.IdentityAwareRecognizer',
    backbone=dict(in_channels=3),
    cls_head=dict(feature_norm=True),
    identity_head=dict(
        type='mmfer.IdentityMIHead',
        penalty=dict(type='dcor'),
        expression_channels=256,
        identity_channels=16,
        weight=3.0,
        warmup=0.1,
        ramp=0.2,
        memory=224,
        given_expression=True))

# `estimator` is looked at by penalties that learn.
optim_wrapper = dict(
    constructor='mmfer.MinMinOptimWrapperConstructor',
    estimator=dict(
        optimizer=dict(type='Adam', lr=1e-3),
        clip_grad=dict(max_norm=5., norm_type=2)))
model_wrapper_cfg = dict(type='mmfer.MinMinDistributedDataParallel')

# Base batch: 1 device x 32 clips.
auto_scale_lr = dict(enable=False, base_batch_size=32)
