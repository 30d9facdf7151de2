# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The ways from a file to a prediction that infer.py compares.

A pipeline opens a file, reads the pictures it needs, transforms them and
sends them through a network; each stage is timed on its own. Residual
pipelines are those of configs of this project. RGB peers are mmaction2's
networks behind mmaction2's transforms and decord, one view of a clip, which
flatters them: their published numbers use 10 to 30 views.
"""
import copy
import time

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

STAGES = ('open', 'read', 'transform', 'forward')
#: RGB peers: name -> (mmaction2 config, changes, sampling, short side, crop).
PEERS = {
    'TSN-R18': ('_base_/models/tsn_r50.py',
                dict(backbone=dict(depth=18), cls_head=dict(in_channels=512)),
                dict(clip_len=1, num_clips=8), 256, 224),
    'TSN-R50': ('_base_/models/tsn_r50.py', {},
                dict(clip_len=1, num_clips=8), 256, 224),
    'X3D-S': ('_base_/models/x3d.py', {},
              dict(clip_len=13, frame_interval=6, num_clips=1), 182, 160),
    'SlowOnly-R50': ('_base_/models/slowonly_r50.py', {},
                     dict(clip_len=8, frame_interval=8, num_clips=1), 256,
                     224),
}


class Pipeline:
    """From a path to probabilities, in stages.

    Args:
        name (str): Row of the table.
        kind (str): 'residual' or 'rgb'.
        stages (tuple[callable]): Three functions: path -> opened,
            opened -> read, read -> float32 array (1, M, C, H, W).
    """

    def __init__(self, name, kind, stages):
        self.name, self.kind, self.stages = name, kind, stages

    def sample(self, path):
        """What the network is given."""
        result = path
        for stage in self.stages:
            result = stage(result)
        return result

    def bind(self, paths, network):
        """The call to time; each call takes the next file.

        Args:
            paths (list[str]): Files.
            network (callable): float32 (1, M, C, H, W) to (1, K).

        Returns:
            callable: Returns seconds of CPU time by stage.
        """
        functions = self.stages + (network, )
        turn = [0]

        def call():
            result, seconds = paths[turn[0] % len(paths)], {}
            turn[0] += 1
            for name, function in zip(STAGES, functions):
                begin = time.process_time()
                result = function(result)
                seconds[name] = time.process_time() - begin
            return seconds

        return call


def residual_pipeline(name, cfg):
    """The inference path of this project.

    Args:
        name (str): Row of the table.
        cfg (Config): Of a training on residuals.

    Returns:
        Pipeline: Pictures of another size than the training's clips are
        brought to it.
    """
    from mmfer.apis.clip_pipeline import ClipPipeline
    from mmfer.codec import CompressedVideo
    steps = ClipPipeline(cfg.test_pipeline, 'mmaction')
    size = steps.clip_size()

    def read(video):
        with video:
            return steps.read(video, 0, len(video))

    def transform(results):
        height, width = results['img_shape']
        if (height, width) != (size, size):
            side = min(height, width)
            left, top = (width - side) // 2, (height - side) // 2
            results = steps.cropped(
                results, (left, top, left + side, top + side), size)
        return _stacked(steps.finish(results))

    return Pipeline(name, 'residual', (CompressedVideo, read, transform))


def rgb_twin_pipeline(name, cfg):
    """Pictures at the places of a residual config, read by decord.

    Args:
        name (str): Row of the table.
        cfg (Config): Of a training on ``mmfer.ReadFrames``.

    Returns:
        Pipeline: Same size, same crop, same network.
    """
    from mmfer.apis.clip_pipeline import ClipPipeline
    steps = copy.deepcopy(list(cfg.test_pipeline))
    size = ClipPipeline(cfg.test_pipeline, 'mmaction').clip_size()
    resize = dict(type='Resize', scale=(size, size), keep_ratio=False)
    pipeline = _from_transforms(
        name, [dict(type='DecordInit')],
        [steps[1], dict(type='DecordDecode')], steps[3:])
    with DefaultScope.overwrite_default_scope('mmaction'):
        resize = Compose([resize])
    opening, reading, rest = pipeline.stages

    def transform(results):
        if results['imgs'][0].shape[:2] != (size, size):
            results = resize(results)
        return rest(results)

    return Pipeline(name, 'rgb', (opening, reading, transform))


def peer_pipeline(name):
    """One of :data:`PEERS`, a single view of the clip."""
    _, _, sampling, short, crop = PEERS[name]
    shape = 'NCHW' if sampling['clip_len'] == 1 else 'NCTHW'
    return _from_transforms(
        name, [dict(type='DecordInit')], [
            dict(type='SampleFrames', test_mode=True,
                 **dict(dict(frame_interval=1), **sampling)),
            dict(type='DecordDecode')
        ], [
            dict(type='Resize', scale=(-1, short)),
            dict(type='CenterCrop', crop_size=crop),
            dict(type='FormatShape', input_format=shape),
            dict(type='PackActionInputs')
        ])


def peer_config(name, num_classes):
    """Config of a peer's network, for as many classes as ours has."""
    from mmaction.utils import register_all_modules
    register_all_modules(init_default_scope=False)
    import mmaction
    path, changes, *_ = PEERS[name]
    cfg = Config.fromfile(f'{mmaction.__path__[0]}/.mim/configs/{path}')
    cfg.merge_from_dict(dict(model=changes))
    cfg.model.cls_head.num_classes = num_classes
    # Times do not depend on the weights.
    cfg.model.backbone.pretrained = None
    return cfg


def _from_transforms(name, opening, reading, rest):
    with DefaultScope.overwrite_default_scope('mmaction'):
        opening, reading, rest = map(Compose, (opening, reading, rest))

    def start(path):
        return opening(
            dict(filename=path, start_index=0, modality='RGB', label=-1))

    return Pipeline(name, 'rgb',
                    (start, reading, lambda results: _stacked(rest(results))))


def _stacked(packed):
    return np.asarray(packed['inputs'], np.float32)[None]
