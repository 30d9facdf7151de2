# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Samples are drawn as the network saw them, by mmaction2's own test.py."""
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('mmaction')

import torch  # noqa: E402
from mmaction.structures import ActionDataSample  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import MODELS  # noqa: E402

import mmfer  # noqa: E402
from mmfer.engine.hooks.fer_visualization_hook import _layout  # noqa: E402
from mmfer.handover import find_script  # noqa: E402
from mmfer.synthetic import make_dataset  # noqa: E402
from mmfer.visualization.fer_visualizer import (FERVisualizer,  # noqa: E402
                                                draw_sample)

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
CONFIG = REPOSITORY / ('configs/residual/residual_r10-quarter_1xb16-s8-24e_'
                       'synthetic-faces-chained-motion.py')
CLASSES = ('happy', 'sad', 'neutral')


def sample(scores=(.2, .7, .1), truth=0, **facts):
    made = ActionDataSample()
    made.set_gt_label(truth)
    made.set_pred_score(torch.tensor(scores))
    made.set_metainfo(facts)
    return made


def words_of(figure):
    return [text.get_text() for text in
            [*figure.texts, *(t for a in figure.axes for t in a.texts)]]


def pictures_of(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_who_what_and_whether_it_was_right(clip):
    inputs = np.zeros((4, 1, 48, 64), np.int16)
    words = words_of(draw_sample(
        inputs, sample(filename=str(clip), subject='s7', fold=2), CLASSES))
    assert f'{clip.name}  ·  subject s7  ·  fold 2' in words
    assert 'truth happy  ·  prediction sad 70 %  ·  wrong' in words
    assert '▸ happy' in words and '70' in words
    right = words_of(draw_sample(inputs, sample(truth=1), CLASSES))
    assert 'truth sad  ·  prediction sad 70 %  ·  right' in right
    # The network's words alone; neither clip nor truth is known.
    assert 'key picture not available' in right
    bare = words_of(draw_sample(inputs))
    assert not any('prediction' in word for word in bare)


def test_residuals_are_signed_grey_and_motion_has_colours():
    inputs = np.zeros((10, 3, 16, 16), np.int16)
    inputs[:, 0, :8], inputs[:, 0, 8:] = 50, -50
    inputs[:, 1] = -4 * 3  # to the reference, so the content moved right
    figure = draw_sample(inputs, sample(), CLASSES, residual_channels=1)
    key, *cells = pictures_of(figure)
    assert len(cells) == 16  # eight of ten pictures, twice
    for residual, motion in zip(cells[:8], cells[8:]):
        assert (residual[:8] > 200).all() and (residual[8:] < 50).all()
        assert (motion == (255, 0, 0)).all()
    assert any('full colour 3.0 pixels' in word for word in words_of(figure))


def test_blue_comes_first_in_residuals_and_3d_input_is_known():
    inputs = np.zeros((1, 3, 4, 8, 8), np.int16)
    inputs[:, 0] = 60  # blue
    cells = pictures_of(draw_sample(inputs))[1:]
    assert len(cells) == 4
    assert tuple(cells[0][0, 0]) == (128, 128, 255)
    twin = np.full((2, 3, 8, 8), 77, np.uint8)
    assert (pictures_of(draw_sample(twin))[1] == 77).all()
    with pytest.raises(ValueError, match=r'got \(3, 8, 8\)'):
        draw_sample(twin[0])


def test_a_backend_records_what_has_no_path(tmp_path, mmaction_scope):
    visualizer = FERVisualizer(
        'test_a_backend', vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path))
    visualizer.dataset_meta = dict(classes=CLASSES)
    visualizer.add_datasample('name', torch.zeros(2, 1, 8, 8).short(),
                              sample(), step=3)
    found, = tmp_path.rglob('*.png')
    assert found.name == 'name_3.png' and cv2.imread(str(found)).std() > 5


def test_the_hook_learns_what_channels_mean(mmaction_scope):
    from mmengine.dataset import Compose

    class Wrapper:
        def __init__(self, dataset):
            self.dataset = dataset

    class Data:
        pipeline = Compose([dict(
            type='mmfer.ReadResiduals', channels='yuv', motion=True)])

    assert _layout(Wrapper(Wrapper(Data()))) == dict(
        residual_channels=3, colours='yuv')
    Data.pipeline = Compose([])
    assert _layout(Data()) == {}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A data set of 3 persons and a network that was not trained."""
    root = tmp_path_factory.mktemp('shown')
    make_dataset(root / 'data' / 'synthetic_faces', num_subjects=3, takes=1,
                 frames=12, shares=(1, 1, 1), progress=False)
    config = Config.fromfile(CONFIG)
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}),
               root / 'random.pth')
    return root


def script(place, *arguments):
    env = {**os.environ, 'MMFER_DATA': str(place / 'data'),
           'PYTHONPATH': str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, '-W', 'ignore', str(find_script('test.py')),
         str(CONFIG), 'random.pth',
         '--work-dir', 'work', *arguments, '--cfg-options',
         'test_dataloader.num_workers=0',
         'test_dataloader.persistent_workers=False',
         'test_dataloader.batch_size=3'],
        cwd=place, env=env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def test_show_dir_of_mmaction2s_own_script(place):
    out = script(place, '--show-dir', 'shown', '--interval', '2')
    assert out.returncode == 0, out.stdout[-3000:]
    clips = json.loads((place / 'data/synthetic_faces/annotations.json')
                       .read_text())['clips']
    unseen = [Path(c['path']).stem for c in clips if c['split'] == 'test']
    # Every second of 7 samples, in batches of 3.
    assert len(unseen) == 7
    drawn = sorted((place / 'shown').iterdir())
    assert [path.stem for path in drawn] == [
        f'{n:05d}_{unseen[n]}' for n in (0, 2, 4, 6)]
    pictures = [cv2.imread(str(path)) for path in drawn]
    assert len({picture.shape for picture in pictures}) == 1
    assert pictures[0].shape[1] > 1000
    for picture in pictures:
        assert picture.std() > 20
    assert (pictures[0] != pictures[1]).any()
