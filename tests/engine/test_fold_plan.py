# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest

pytest.importorskip('mmaction')

from mmfer.engine.fold_config import FoldError, clip_files  # noqa: E402
from mmfer.engine.fold_plan import plan_folds  # noqa: E402


def test_a_split_is_one_run(tmp_path, write_annotations, config):
    plan = plan_folds(config(write_annotations(tmp_path)), None, tmp_path)
    assert plan.folds == [None] and plan.split == 'test'
    # Validation and test have no clip in common.
    assert plan.selection == 'best_on_val'
    assert plan.persons == '6, each in one split only'
    assert not plan.leave_one_out


def test_folds_of_the_data(tmp_path, write_annotations, config):
    write_annotations(tmp_path)
    for cfg, wanted in ((config(tmp_path, fold=2), None),
                        (config(tmp_path), ['all'])):
        plan = plan_folds(cfg, wanted, tmp_path)
        assert plan.folds == plan.protocol_folds == [1, 2, 3]
        assert plan.selection == 'best_on_test'
        assert plan.persons == '6, each in one fold only'
    plan = plan_folds(config(tmp_path), ['3', '1', '3'], tmp_path)
    assert plan.folds == [3, 1] and plan.protocol_folds == [1, 2, 3]
    assert plan_folds(config(tmp_path, save_best=None), ['all'],
                      tmp_path).selection is None


def test_leave_one_out_for_data_without_folds(tmp_path, write_annotations,
                                              config):
    source = tmp_path / 'source'
    source.mkdir()
    write_annotations(source, subjects=11)
    plan = plan_folds(config(source), ['loso'], tmp_path / 'work')
    assert plan.folds == list(range(1, 12)) and plan.leave_one_out
    assert plan.subjects['s10'] == 11
    cfg = config(source)
    plan.apply(cfg, 3)
    tested = clip_files(cfg, 'test_dataloader')
    # The clips are where they were.
    assert tested == {str(source / f'clips/s2_{label}.mp4')
                      for label in ('happy', 'sad')}
    assert len(clip_files(cfg, 'train_dataloader')) == 20
    assert plan.subjects['s2'] == 3 and plan.metainfo['protocol'] == 'loso'


def test_folds_of_persons(tmp_path, write_annotations, config):
    write_annotations(tmp_path, subjects=6)
    plan = plan_folds(config(tmp_path), ['2-fold-contiguous'],
                      tmp_path / 'work')
    assert plan.folds == [1, 2] and not plan.leave_one_out
    assert plan.subjects == dict(s0=1, s1=1, s2=1, s3=2, s4=2, s5=2)


def test_persons_on_both_sides_are_told(tmp_path, write_annotations, config):
    write_annotations(tmp_path)
    path = tmp_path / 'annotations.json'
    content = json.loads(path.read_text())
    content['clips'][0]['fold'] = 3
    path.write_text(json.dumps(content))
    plan = plan_folds(config(tmp_path, fold=1), None, tmp_path)
    assert plan.persons.startswith('6, of whom 1 are in several folds')
    assert plan.subjects == {}  # so that no fold file is written


@pytest.mark.parametrize('wanted, said', [
    (['4'], 'no fold 4; there are 1, 2, 3'),
    (['1', 'loso'], 'one protocol'),
    (['five'], "expected 'loso'"),
    (['7-fold'], '7 folds of 6 persons'),
])
def test_what_is_not_there_is_said(tmp_path, wanted, said, write_annotations,
                                   config):
    with pytest.raises(FoldError, match=said):
        plan_folds(config(write_annotations(tmp_path)), wanted, tmp_path)


def test_data_without_folds(tmp_path, write_annotations, config):
    write_annotations(tmp_path)
    path = tmp_path / 'annotations.json'
    content = json.loads(path.read_text())
    for clip in content['clips']:
        del clip['fold']
    path.write_text(json.dumps(content))
    with pytest.raises(FoldError, match='--folds loso'):
        plan_folds(config(tmp_path), ['all'], tmp_path)


def test_clips_that_only_train_have_no_fold(tmp_path, write_annotations,
                                            config):
    source = tmp_path / 'source'
    source.mkdir()
    write_annotations(source, subjects=4)
    stored = json.loads((source / 'annotations.json').read_text())
    for clip in stored['clips']:
        clip['train_only'] = clip['subject'] in ('s0', 's3')
    (source / 'annotations.json').write_text(json.dumps(stored))
    plan = plan_folds(config(source), ['loso'], tmp_path / 'work')
    assert plan.folds == [1, 2] and plan.subjects == dict(s1=1, s2=2)
    cfg = config(source)
    plan.apply(cfg, 1)
    tested = clip_files(cfg, 'test_dataloader')
    trained = clip_files(cfg, 'train_dataloader')
    assert len(tested) == 2 and len(trained) == 6 and not tested & trained


def test_fold_0_is_a_fold_like_others(tmp_path, write_annotations, config):
    write_annotations(tmp_path)
    path = tmp_path / 'annotations.json'
    stored = json.loads(path.read_text())
    for clip in stored['clips']:
        clip['fold'] -= 1
    path.write_text(json.dumps(stored))
    plan = plan_folds(config(tmp_path), ['all'], tmp_path)
    assert plan.folds == [0, 1, 2]
    cfg = config(tmp_path)
    plan.apply(cfg, 0)
    assert len(clip_files(cfg, 'test_dataloader')) == 4
    assert len(clip_files(cfg, 'train_dataloader')) == 8


def test_a_person_of_the_split_train_may_only_train(tmp_path,
                                                    write_annotations, config):
    write_annotations(tmp_path)
    path = tmp_path / 'annotations.json'
    stored = json.loads(path.read_text())
    stored['clips'][0]['train_only'] = True
    path.write_text(json.dumps(stored))
    plan = plan_folds(config(tmp_path), None, tmp_path)
    assert plan.persons == '6, each in one split only'
    # In a fold as well, one is trained with in all and tested in one.
    plan = plan_folds(config(tmp_path), ['all'], tmp_path)
    assert plan.persons.startswith('6, of whom 1 are in several folds')
