# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# A regressor of the identity, against which the model plays.
_base_ = 'mifer-vclub_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='gradient_reversal'), weight=0.1))
