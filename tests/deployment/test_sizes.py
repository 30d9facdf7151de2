# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The sizes are as large as their page says."""
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

import torch  # noqa: E402
from mmengine.analysis import get_model_complexity_info  # noqa: E402
from mmengine.config import Config  # noqa: E402

from mmfer.deployment.network import (DeployableNetwork,  # noqa: E402
                                      load_recognizer)

FOLDER = Path(__file__).parents[2] / 'configs' / 'mifer'


@pytest.mark.parametrize('size', [
    'mifer-t', 'mifer-t, single packets', 'mifer-t, four single packets',
    'mifer-s', 'mifer-b'
])
def test_parameters_and_multiplications(size):
    text = (FOLDER / 'README.md').read_text(encoding='utf-8')
    row, = [line for line in text.splitlines()
            if line.startswith(f'| {size} |')]
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    path = FOLDER / cells[-1].split('](./')[1].rstrip(')')
    cfg = Config.fromfile(path)
    model, _ = load_recognizer(cfg, None)
    pictures = cfg.test_pipeline[1]['num_segments']
    count = sum(p.numel() for p in model.parameters())
    assert cells[2] == f'{count / 1e6:.2f} M'
    flops = get_model_complexity_info(
        DeployableNetwork(model), show_table=False, show_arch=False,
        inputs=(torch.zeros(1, pictures, 3, 96, 96), ))['flops']
    assert cells[3] == f'{flops / 1e9:.3f} G'
