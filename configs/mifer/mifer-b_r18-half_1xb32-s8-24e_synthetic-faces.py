# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Base: twice the channels and twice the blocks of the recommended form, which
# is the small one of the three sizes; eight times its multiplications.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    backbone=dict(depth=18, width=0.5), cls_head=dict(in_channels=128))
