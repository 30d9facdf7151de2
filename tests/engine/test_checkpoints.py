# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where a training that was killed goes on."""
import json
import os

import torch

from mmfer.engine.checkpoints import (best_checkpoint, epoch_checkpoints,
                                      is_whole, read_scalars, resume_point,
                                      validated_epochs, validation_due)


def _training(folder, epochs, validated=()):
    """What mmengine leaves behind after some epochs."""
    for epoch in epochs:
        torch.save(dict(weights=torch.rand(1000)), folder /
                   f'epoch_{epoch}.pth')
    log = folder / '20260101_000000' / 'vis_data'
    log.mkdir(parents=True)
    lines = [json.dumps(dict(loss=1., epoch=epoch, step=10 * epoch))
             for epoch in epochs]
    lines += [json.dumps({'fer/UAR': .5, 'step': epoch})
              for epoch in validated]
    (log / 'scalars.json').write_text('\n'.join(lines) + '\n{"fer/U')
    return folder


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _always(epoch):
    return True


def test_the_newest_checkpoint_is_taken(tmp_path):
    _training(tmp_path, [2, 10, 9], [2, 9, 10])
    assert list(epoch_checkpoints(tmp_path)) == [2, 9, 10]
    assert resume_point(tmp_path, _always) == (10, tmp_path / 'epoch_10.pth')


def test_a_file_that_was_cut_off_is_passed_over(tmp_path):
    _training(tmp_path, [1, 2], [1, 2])
    _cut(tmp_path / 'epoch_2.pth')
    assert not is_whole(tmp_path / 'epoch_2.pth')
    assert resume_point(tmp_path, _always)[0] == 1
    # Also if its end is there and something in the middle is not.
    data = bytearray((tmp_path / 'epoch_1.pth').read_bytes())
    data[1500:1600] = bytes(100)
    (tmp_path / 'epoch_1.pth').write_bytes(data)
    assert resume_point(tmp_path, _always) is None


def test_an_epoch_without_its_validation_is_trained_again(tmp_path):
    _training(tmp_path, [1, 2], [1])
    assert validated_epochs(tmp_path) == {1}
    assert resume_point(tmp_path, _always)[0] == 1
    assert resume_point(tmp_path, lambda epoch: epoch != 2)[0] == 2


def test_a_measurement_of_leakage_is_no_validation(tmp_path):
    _training(tmp_path, [1, 2], [1])
    log, = tmp_path.glob('*/vis_data/scalars.json')
    with open(log, 'a') as file:
        file.write('\n' + json.dumps({
            'leakage/probe/linear/clip_disjoint/accuracy': .1, 'step': 2
        }))
    assert validated_epochs(tmp_path) == {1}
    assert resume_point(tmp_path, _always)[0] == 1


def test_nothing_to_go_on_from(tmp_path):
    assert resume_point(tmp_path, _always) is None
    assert best_checkpoint(tmp_path) is None


def test_the_newest_best_checkpoint_that_is_whole(tmp_path):
    for age, epoch in enumerate([3, 12, 4]):
        path = tmp_path / f'best_fer_UAR_epoch_{epoch}.pth'
        torch.save(dict(), path)
        os.utime(path, (1e9 - age, 1e9 - age))
    assert best_checkpoint(tmp_path)[0] == 3
    _cut(tmp_path / 'best_fer_UAR_epoch_3.pth')
    assert best_checkpoint(tmp_path)[0] == 12


def test_logs_of_earlier_attempts_can_be_left_out(tmp_path):
    _training(tmp_path, [1, 2], [1])
    log, = tmp_path.glob('*/vis_data/scalars.json')
    os.utime(log, (1e9, 1e9))
    assert len(read_scalars(tmp_path)) == 3
    assert read_scalars(tmp_path, since=1e9 + 1) == []


def test_when_mmengine_validates():
    due = validation_due(dict(max_epochs=10, val_begin=4, val_interval=4))
    assert [epoch for epoch in range(1, 11) if due(epoch)] == [4, 8, 10]
    due = validation_due(dict(max_epochs=2))
    assert due(1) and due(2)
