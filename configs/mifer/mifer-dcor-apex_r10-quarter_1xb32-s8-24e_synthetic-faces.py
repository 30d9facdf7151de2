# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# With the complementary constraint: both codes together rebuild the apex.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

# The apex is cropped and flipped like the residuals.
train_pipeline = _base_.train_pipeline[:2] + [
    dict(type='mmfer.ReadApex')
] + _base_.train_pipeline[2:4] + [
    dict(type='mmfer.JoinStreams', streams=('apex', ))
] + _base_.train_pipeline[4:-2] + [
    dict(type='mmfer.SplitStreams'),
    dict(type='mmfer.FormatResidual', input_format='NCHW'),
    dict(
        type='PackActionInputs',
        collect_keys=('imgs', 'apex'),
        algorithm_keys=('identity', 'apex_valid'),
        meta_keys=('img_shape', 'filename', 'subject', 'fold'))
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

model = dict(
    apex_decoder=dict(
        type='mmfer.ApexDecoder',
        expression_channels=256,
        identity_channels=16,
        weight=1.0),
    data_preprocessor=dict(
        streams=dict(apex=dict(mean=[127.5], std=[127.5]))))
