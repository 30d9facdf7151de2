# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A pipeline of infer.py with its network in every runtime, verified."""
import copy
import os

import numpy as np
import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmfer.deployment.exporter import compare_exports
from mmfer.deployment.formats import (TARGETS, attach_metadata,
                                      missing_packages, write_target)
from mmfer.deployment.network import DeployableNetwork, load_recognizer
from mmfer.deployment.runtime import load_exported

#: Largest difference of a probability from torch's that is still the same
#: network; int8 differs by design, its accuracy tells what it is worth.
TOLERANCES = dict(fp32=2e-3, bf16=.15, int8=1.)


class Contestant:
    """A pipeline with its network in every runtime.

    Args:
        pipeline (Pipeline): Of pipelines.py.
        cfg (Config): Of the network.
        checkpoint (str, optional): None: random weights.
    """

    def __init__(self, pipeline, cfg, checkpoint=None):
        self.pipeline, self.cfg, self.checkpoint = pipeline, cfg, checkpoint
        self.recognizer, _ = load_recognizer(cfg, checkpoint)
        self.network = DeployableNetwork(self.recognizer)
        self.networks, self.left_out, self.accuracy = {}, {}, {}

    def facts(self, sample):
        """Parameters, multiplications and accuracy."""
        counted = get_model_complexity_info(
            self.network, inputs=(torch.from_numpy(sample), ),
            show_table=False, show_arch=False)
        return dict(
            kind=self.pipeline.kind, input=list(sample.shape[1:]),
            parameters=sum(p.numel() for p in self.network.parameters()),
            gmac=counted['flops'] / 1e9, accuracy=self.accuracy,
            checkpoint=self.checkpoint and os.path.basename(self.checkpoint))

    def prepare(self, runtimes, samples, folder, threads, device):
        """Export, load and verify; notes why a runtime is left out.

        Args:
            runtimes (list[str]): 'torch' and targets of exports.
            samples (list[np.ndarray]): float32 (1, M, C, H, W), for int8.
            folder (str): Where exports go.
            threads (int, optional): None, as the runtimes like.
            device (str): Of torch.
        """
        reference = self._torch(self.network, 'cpu')
        expected = reference(samples[0])
        for runtime in runtimes:
            if runtime == 'torch':
                self.networks[runtime] = reference if device == 'cpu' else \
                    self._torch(copy.deepcopy(self.network), device)
                continue
            missing = missing_packages(runtime)
            if missing:
                self.left_out[runtime] = f'{missing[0]} is not installed'
                continue
            suffix, precision = TARGETS[runtime]
            path = os.path.join(
                folder, f'{self.pipeline.name}-{runtime}{suffix}')
            try:
                write_target(runtime, copy.deepcopy(self.network), path,
                             samples)
                attach_metadata(path, dict(precision=precision))
                model = load_exported(path, threads)
                off = float(np.abs(model(samples[0]) - expected).max())
            except Exception as error:  # one network that cannot be exported
                reason = (str(error).strip().splitlines() or [''])[0][:200]
                self.left_out[runtime] = f'{type(error).__name__}: {reason}'
                continue
            if not off <= TOLERANCES[precision]:
                self.left_out[runtime] = f'differs from torch by {off:.3g}'
                continue
            self.networks[runtime] = model

    @staticmethod
    def _torch(network, device):
        network = network.to(device)

        @torch.inference_mode()
        def run(inputs):
            # Waits for the device, as a user does.
            return network(torch.from_numpy(inputs).to(device)).cpu().numpy()

        return run


def verify_reading(contestant, path, pictures):
    """Tell why a pipeline may not take part, or None.

    Args:
        contestant (Contestant): Who reads.
        path (str): A clip.
        pictures (callable): display indices -> true pictures, RGB.
    """
    opening, reading, _ = contestant.pipeline.stages
    results = reading(opening(path))
    read = np.stack([np.asarray(img) for img in results['imgs']])
    if not read.any():
        return 'all zero'
    if contestant.pipeline.kind == 'rgb':
        indices = [int(i) for i in results['frame_inds']]
        off = np.abs(read.astype(int) - pictures(indices)).mean()
        return f'other pictures than PyAV, {off:.1f} levels' if off > 2 \
            else None
    with DefaultScope.overwrite_default_scope('mmaction'):
        steps = Compose(contestant.cfg.test_pipeline[:3])
    again = np.stack(steps(dict(filename=path, label=-1))['imgs'])
    return None if np.array_equal(read, again) else \
        'other residuals than the test pipeline'


def measure_accuracy(contestant):
    """UAR of every runtime on the test split.

    Args:
        contestant (Contestant): Prepared, with a checkpoint.
    """
    measured = compare_exports(contestant.cfg, contestant.recognizer,
                               contestant.networks)
    for runtime, summary in measured.items():
        contestant.accuracy[runtime] = {
            key: summary[key] for key in ('UAR', 'WAR', 'clips')}
