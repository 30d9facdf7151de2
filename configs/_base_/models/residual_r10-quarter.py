# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# A network that learns on a CPU within minutes: 16, 32, 64 channels at a
# quarter, an eighth and a sixteenth of the picture, a 3x3 map that keeps eyes
# and mouth apart, and a convolution over time.
model = dict(
    type='Recognizer2D',
    backbone=dict(
        type='mmfer.ResidualResNet',
        depth=10,
        in_channels=1,
        width=0.25,
        num_stages=3,
        stem='patch',
        channels_last=True),
    cls_head=dict(
        type='mmfer.FERHead',
        num_classes=7,
        in_channels=64,
        num_segments=8,
        consensus='conv',
        hidden_channels=128,
        pool_size=3,
        dropout_ratio=0.1,
        label_smooth_eps=0.1),
    data_preprocessor=dict(type='mmfer.FERDataPreprocessor'))
