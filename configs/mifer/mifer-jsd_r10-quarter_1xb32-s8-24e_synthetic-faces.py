# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# A critic that tells pairs from combinations, against which the model plays.
_base_ = 'mifer-vclub_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='jsd'), weight=0.1))
