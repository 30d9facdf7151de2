# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The leave-one-out upper bound.
_base_ = 'mifer-vclub_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='l1out'), weight=0.03))
