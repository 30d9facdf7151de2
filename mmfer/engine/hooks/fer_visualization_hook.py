# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw samples and their predictions while a model is tested."""
import math
import os
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from mmengine.dist import get_dist_info
from mmengine.hooks import Hook

from mmfer.registry import HOOKS, VISUALIZERS


@HOOKS.register_module()
class FERVisualizationHook(Hook):
    """Draw every n-th sample of a test or a validation.

    It stands in the shipped configs, switched off, under the name that
    mmaction2's ``tools/test.py`` looks for, so that these work::

        tools/test.py CONFIG CHECKPOINT --show-dir pictures [--interval 10]
        tools/test.py CONFIG CHECKPOINT --show [--wait-time 2]

    mmaction2's own hook fails with every model. The pictures are named by the
    position of the sample and its file, since data sets repeat file names in
    several folders.

    Args:
        enable (bool): Whether to draw at all. Defaults to False.
        interval (int): Draw one sample of this many. Defaults to 50.
        show (bool): Whether to open a window. Defaults to False.
        wait_time (float): Seconds that it stays, 0 for ever. Defaults to 0.
        out_dir (str, optional): Folder of the pictures; validations get a
            folder in it, by the iteration. Defaults to None: the
            backends of the visualiser record them.
    """

    # After the metric has read the outputs.
    priority = 'VERY_LOW'

    def __init__(self,
                 enable: bool = False,
                 interval: int = 50,
                 show: bool = False,
                 wait_time: float = 0.,
                 out_dir: Optional[str] = None) -> None:
        if interval < 1:
            raise ValueError(f'`interval` is at least 1, got {interval}')
        self.enable = enable
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.out_dir = out_dir
        self._inputs: Dict[str, Any] = {}
        self._drawn = 0

    def before_test_epoch(self, runner) -> None:
        """Look how the pipeline of the test lays out its channels."""
        self._prepare(runner, runner.test_dataloader)

    def before_val_epoch(self, runner) -> None:
        """Look how the pipeline of the validation lays out its channels."""
        self._prepare(runner, runner.val_dataloader)

    def after_test_iter(self, runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence) -> None:
        """Draw samples of a batch."""
        self._draw(runner, data_batch, outputs, self.out_dir, 0)

    def after_val_iter(self, runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence) -> None:
        """Draw samples of a batch."""
        folder = self.out_dir and os.path.join(self.out_dir,
                                               f'iter_{runner.iter}')
        self._draw(runner, data_batch, outputs, folder, runner.iter)

    def _prepare(self, runner, dataloader) -> None:
        if not self.enable:
            return
        wanted = VISUALIZERS.get('mmfer.FERVisualizer')
        if not isinstance(runner.visualizer, wanted):
            raise TypeError(
                f'the visualiser is {type(runner.visualizer).__name__}, which '
                "cannot draw residuals: set visualizer.type to "
                "'mmfer.FERVisualizer' in the config")
        self._drawn = 0
        self._inputs = _layout(dataloader.dataset)

    def _draw(self, runner, data_batch: dict, outputs: Sequence,
              folder: Optional[str], step: int) -> None:
        if not self.enable:
            return
        rank, ranks = get_dist_info()
        inputs = data_batch['inputs']
        if isinstance(inputs, dict):  # further streams beside the residuals
            inputs = inputs['imgs']
        first = math.ceil(self._drawn / self.interval) * self.interval
        for number in range(first, self._drawn + len(outputs), self.interval):
            at = number - self._drawn
            # The samplers deal samples out in turns.
            name = _name(outputs[at], number * ranks + rank)
            runner.visualizer.add_datasample(
                name, inputs[at], outputs[at], show=self.show,
                wait_time=self.wait_time, step=step,
                out_path=folder and os.path.join(folder, f'{name}.png'),
                **self._inputs)
        self._drawn += len(outputs)


def _name(sample: Any, number: int) -> str:
    filename = sample.get('filename')
    stem = f'_{Path(os.fspath(filename)).stem}' if isinstance(
        filename, (str, os.PathLike)) else ''
    return f'{number:05d}{stem}'


def _layout(dataset: Any) -> Dict[str, Any]:
    """Find out what the channels mean from the transform that reads them."""
    while not hasattr(dataset, 'pipeline') and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset  # wrappers, such as RepeatDataset
    for transform in getattr(getattr(dataset, 'pipeline', None),
                             'transforms', ()):
        reader = getattr(transform, 'reader', transform)  # StoredReader
        if hasattr(reader, 'channels') and hasattr(reader, 'motion'):
            return dict(
                residual_channels=1 if reader.channels == 'y' else 3,
                colours='yuv' if reader.channels == 'yuv' else 'bgr')
    return {}
