# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# What all prepared data sets share (tools/data/prepare.py): clips of faces
# with an annotation file beside them. A child says where they are, and which
# split or fold is trained and tested.
dataset_type = 'mmfer.FERDataset'
ann_file = 'annotations.json'

# The reader is the third step of each pipeline. Children exchange it and
# nothing else.
train_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=16),
    dict(type='mmfer.ReadResiduals', mode='chained', motion=True),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0)),
    dict(type='Resize', scale=(112, 112), keep_ratio=False),
    dict(type='mmfer.FlipResidual', flip_ratio=0.5),
    dict(type='mmfer.ResidualScale', gain=(0.7, 1.4)),
    dict(type='mmfer.ResidualErase', erase_ratio=0.25),
    dict(type='mmfer.FormatResidual', input_format='NCHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
val_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=16, test_mode=True),
    dict(type='mmfer.ReadResiduals', mode='chained', motion=True),
    dict(type='Resize', scale=(112, 112), keep_ratio=False),
    dict(type='mmfer.FormatResidual', input_format='NCHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
test_pipeline = val_pipeline

# The collate function is left out in test, where mmengine's inferencers stop
# at it.
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    collate_fn=dict(type='mmfer.shared_memory_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    collate_fn=dict(type='mmfer.shared_memory_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        pipeline=val_pipeline,
        test_mode=True))
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file,
        pipeline=test_pipeline,
        test_mode=True))

val_evaluator = dict(type='mmfer.FERMetric')
test_evaluator = dict(type='mmfer.FERMetric', show_confusion=True)
