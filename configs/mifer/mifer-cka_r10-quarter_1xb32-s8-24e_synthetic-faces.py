# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# HSIC normalised to 0..1. Weights much above this collapse the feature.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='cka'), weight=1.0))
