# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The network of full size with the distance correlation as penalty, and
# identities whitened to 64 components. Reads residual and motion, five planes.
_base_ = 'residual_r18.py'

model = dict(
    type='mmfer.IdentityAwareRecognizer',
    backbone=dict(in_channels=5),
    cls_head=dict(feature_norm=True),
    identity_head=dict(
        type='mmfer.IdentityMIHead',
        penalty=dict(type='dcor'),
        expression_channels=512,
        identity_channels=64,
        weight=3.0,
        warmup=0.1,
        ramp=0.2,
        memory=224,
        given_expression=True))
model_wrapper_cfg = dict(type='mmfer.MinMinDistributedDataParallel')
