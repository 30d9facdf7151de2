# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The faces that mmfer makes itself (tools/data/make_synthetic.py), 112x112.
# They are looked for in data/, or in the folder that the environment variable
# MMFER_DATA names.
dataset_type = 'mmfer.FERDataset'
data_root = '{{$MMFER_DATA:data}}/synthetic_faces'
ann_file = 'annotations.json'

# The reader is the third step of each pipeline. Children exchange it and
# nothing else. Luma alone: cheaper to read than colour differences.
train_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=8),
    dict(type='mmfer.ReadResiduals', mode='chained', channels='y'),
    dict(type='RandomCrop', size=96),
    dict(type='mmfer.FlipResidual', flip_ratio=0.5),
    dict(type='mmfer.ResidualScale', gain=(0.8, 1.25)),
    dict(type='mmfer.FormatResidual', input_format='NCHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
val_pipeline = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=8, test_mode=True),
    dict(type='mmfer.ReadResiduals', mode='chained', channels='y'),
    dict(type='CenterCrop', crop_size=96),
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
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='mmfer.shared_memory_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        split='train',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    collate_fn=dict(type='mmfer.shared_memory_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        split='val',
        pipeline=val_pipeline,
        test_mode=True))
test_dataloader = dict(
    batch_size=16,
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

val_evaluator = dict(type='mmfer.FERMetric')
test_evaluator = dict(type='mmfer.FERMetric', show_confusion=True)
