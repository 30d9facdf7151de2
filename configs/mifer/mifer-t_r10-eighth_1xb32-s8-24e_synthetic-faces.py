# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Tiny: half the channels of the recommended form (which is the small one of the
# three sizes), 28 % of its multiplications.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    backbone=dict(width=0.125),
    cls_head=dict(in_channels=32, hidden_channels=64),
    identity_head=dict(expression_channels=128))
