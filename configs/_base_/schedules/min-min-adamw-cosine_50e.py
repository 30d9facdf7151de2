# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# With an optimiser for penalties that learn; others do not look at it.
_base_ = 'adamw-cosine_50e.py'

optim_wrapper = dict(
    constructor='mmfer.MinMinOptimWrapperConstructor',
    estimator=dict(
        optimizer=dict(type='Adam', lr=1e-3),
        clip_grad=dict(max_norm=5., norm_type=2)))
