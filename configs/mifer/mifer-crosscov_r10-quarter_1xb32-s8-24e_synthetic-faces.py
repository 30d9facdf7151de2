# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# Linear dependence alone: the cross-covariance of the two codes.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='crosscov'), weight=1.0))
