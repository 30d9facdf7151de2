# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
# One rise and one fall of the learning rate, the shape that reaches a good
# result in the fewest epochs. Relative to the rate of the optimiser, so that
# `--auto-scale-lr` scales all of it.
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=24, val_begin=4, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=5e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.),
    clip_grad=dict(max_norm=5., norm_type=2))

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.05,
        by_epoch=True,
        begin=0,
        end=4,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        T_max=20,
        eta_min_ratio=0.01,
        by_epoch=True,
        begin=4,
        end=24,
        convert_to_iter_based=True)
]
