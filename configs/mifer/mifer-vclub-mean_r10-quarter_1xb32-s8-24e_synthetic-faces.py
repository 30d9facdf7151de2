# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The upper bound with a Gaussian of fixed variance.
_base_ = 'mifer-vclub_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='vclub_mean'), weight=0.03))
