# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The network of full size. `pretrained` takes ImageNet weights: a file, or the
# address of torchvision's resnet18.
model = dict(
    type='Recognizer2D',
    backbone=dict(
        type='mmfer.ResidualResNet',
        depth=18,
        in_channels=3,
        stem='imagenet',
        num_segments=16,
        pretrained=None),
    cls_head=dict(
        type='mmfer.FERHead',
        num_classes=7,
        in_channels=512,
        num_segments=16,
        consensus='attention',
        dropout_ratio=0.5,
        label_smooth_eps=0.1),
    data_preprocessor=dict(type='mmfer.FERDataPreprocessor'))
