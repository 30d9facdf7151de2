# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Face recognition learned from synthetic persons, on a CPU within minutes.
# The persons are those of another seed than the expression data's, so that
# none of them is met again; docs/identity.md has the command that makes them.
_base_ = ['../_base_/default_runtime.py']

dataset_type = 'mmfer.SubjectDataset'
data_root = '{{$MMFER_DATA:data}}/synthetic_identities'
ann_file = 'annotations.json'

# One picture of a clip: a random one in training, in test the first
# keyframe, which is what an expression model is given of a person.
meta_keys = ('img_shape', 'filename', 'subject', 'expression')
train_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=1, min_frames=1),
    dict(type='mmfer.ReadFrames'),
    dict(
        type='RandomResizedCrop',
        area_range=(0.75, 1.0),
        aspect_ratio_range=(0.9, 1.1)),
    dict(type='Resize', scale=(96, 96), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys)
]
val_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleKeyframe'),
    dict(type='mmfer.ReadFrames'),
    dict(type='Resize', scale=(96, 96), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=meta_keys)
]
test_pipeline = val_pipeline

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        split='train',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        split='val',
        pipeline=val_pipeline,
        test_mode=True))
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        split='test',
        pipeline=test_pipeline,
        test_mode=True))
val_evaluator = dict(type='mmfer.VerificationMetric')
test_evaluator = dict(type='mmfer.VerificationMetric')

model = dict(
    type='Recognizer2D',
    backbone=dict(
        type='mmfer.IResNet',
        depth=18,
        embedding_channels=128,
        width=0.25,
        stem_stride=2,
        input_size=96,
        channels_last=True),
    cls_head=dict(
        type='mmfer.ArcFaceHead',
        num_classes=240,
        in_channels=128,
        scale=24.,
        margin=0.3),
    data_preprocessor=dict(
        type='mmfer.FERDataPreprocessor', mean=(127.5, ), std=(127.5, )))

train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=12, val_begin=3, val_interval=3)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.),
    clip_grad=dict(max_norm=5., norm_type=2))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.05,
        by_epoch=True,
        begin=0,
        end=2,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=10,
        eta_min_ratio=0.01,
        by_epoch=True,
        begin=2,
        end=12,
        convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(save_best='identity/EER', rule='less'))

# Base batch: 1 device x 32 pictures.
auto_scale_lr = dict(enable=False, base_batch_size=32)
