# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# The Hilbert-Schmidt independence criterion with Gaussian kernels.
_base_ = 'mifer-dcor_r10-quarter_1xb32-s8-24e_synthetic-faces.py'

model = dict(
    identity_head=dict(penalty=dict(type='hsic'), weight=1.0))
