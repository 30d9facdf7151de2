# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
default_scope = 'mmaction'
# A list in a child config replaces this one: keep 'mmfer' in it.
custom_imports = dict(imports=['mmfer'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        save_best='fer/UAR',
        rule='greater'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    reproducible=dict(type='mmfer.ReproducibleHook'),
    class_count=dict(type='mmfer.ClassCountHook'),
    protocol=dict(type='mmfer.ProtocolHook'),
    unreadable_clips=dict(type='mmfer.UnreadableClipsHook'),
    # Draws with tools/test.py --show-dir, otherwise nothing.
    visualization=dict(type='mmfer.FERVisualizationHook'))

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='mmfer.FERVisualizer', vis_backends=vis_backends)

log_level = 'INFO'
load_from = None
resume = False
