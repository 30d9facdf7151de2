# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A model is not tested on what it was trained with."""
import copy
from types import SimpleNamespace

import pytest

pytest.importorskip('mmaction')

from mmengine.config import Config  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402

from mmfer.engine import ProtocolHook  # noqa: E402
from mmfer.engine.fold_config import (FoldError, build_without_pictures,  # noqa: E402,E501
                                      check_folds, clip_files,
                                      loader_datasets, set_fold)
from mmfer.testing.labelled_clips import write_labelled_clips  # noqa: E402


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Four persons in two folds."""
    folder = tmp_path_factory.mktemp('clips')
    write_labelled_clips(folder, ('happy', 'sad'), frames=3, size=32)
    return folder


def _config(folder, train=1, test=1, **changes):
    dataset = dict(type='mmfer.FERDataset', data_root=str(folder),
                   ann_file='annotations.json', pipeline=[])
    test = dict(dataset=dict(dataset, fold=test, test_mode=True))
    return Config(dict(
        train_dataloader=dict(dataset=dict(
            type='RepeatDataset', times=2,
            dataset=dict(dataset, fold=train))),
        val_dataloader=test, test_dataloader=copy.deepcopy(test), **changes))


def _runner(cfg, checkpoint=None):
    loaders = {
        name: SimpleNamespace(
            dataset=build_without_pictures(loader_datasets(cfg, name)[0][1]))
        for name in ('train_dataloader', 'val_dataloader')
    }
    return SimpleNamespace(cfg=cfg, val_loop=True, **loaders)


def test_loaders_must_name_one_fold(folder):
    ProtocolHook().before_train(_runner(_config(folder)))
    with pytest.raises(FoldError, match='train_dataloader.dataset.dataset: 2'):
        ProtocolHook().before_train(_runner(_config(folder, train=2)))


def test_changing_the_top_alone_is_noticed(folder):
    cfg = _config(folder, fold=1)
    check_folds(cfg)
    cfg.merge_from_dict({'fold': 2})
    with pytest.raises(FoldError, match='MMFER_FOLD'):
        check_folds(cfg)


def test_all_loaders_get_the_fold(folder):
    cfg = _config(folder, fold=1)
    set_fold(cfg, 2)
    check_folds(cfg)
    assert cfg.fold == 2
    trained = clip_files(cfg, 'train_dataloader')
    tested = clip_files(cfg, 'test_dataloader')
    assert len(trained) == len(tested) == 4 and not trained & tested
    # A config of splits becomes one of folds.
    for loader in ('train_dataloader', 'test_dataloader'):
        (_, dataset), = loader_datasets(cfg, loader)
        dataset.pop('fold')
        dataset.pop('fold_role', None)
        dataset['split'] = 'train'
    cfg.pop('fold')
    set_fold(cfg, 2)
    assert clip_files(cfg, 'train_dataloader') == trained
    assert clip_files(cfg, 'test_dataloader') == tested


def test_a_checkpoint_knows_its_fold(folder):
    hook, checkpoint = ProtocolHook(), dict(meta={})
    hook.before_save_checkpoint(_runner(_config(folder)), checkpoint)
    assert checkpoint['meta']['protocol']['fold'] == 1
    same, other = _runner(_config(folder)), _runner(_config(folder, 2, 2))
    hook.after_load_checkpoint(same, checkpoint)
    hook.before_test(same)
    with pytest.raises(FoldError, match='trained for fold 1 .* fold 2 tests'):
        hook.before_test(other)
    # Nor is it trained further with the clips that it was to be tested on.
    hook.before_train(same)
    with pytest.raises(FoldError, match='train it on fold 1'):
        hook.before_train(other)
    # Another data set may be tested with any fold, and an old checkpoint.
    other.cfg.test_dataloader.dataset.ann_file = 'other.json'
    hook.before_test(other)
    hook = ProtocolHook()
    hook.after_load_checkpoint(same, dict(meta={}))
    hook.before_test(_runner(_config(folder, 2, 2)))


def test_validation_clips_that_are_trained_with_are_reported(folder, caplog):
    cfg = _config(folder)
    cfg.val_dataloader.dataset.fold_role = 'train'
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # another training may have left it quieter
    logger.addHandler(caplog.handler)
    try:
        ProtocolHook().before_train(_runner(cfg))
    finally:
        logger.removeHandler(caplog.handler)
        logger.setLevel(level)
    assert '4 clips of the validation are trained with' in caplog.text


def test_whitening_follows_the_fold(folder):
    cfg = _config(folder)
    identity = dict(type='mmfer.LoadIdentity', file='identity.npz')
    cfg.train_dataloader.dataset.dataset.pipeline = [identity]
    set_fold(cfg, 2)
    assert cfg.train_dataloader.dataset.dataset.pipeline[0].fold == 2
    with pytest.raises(FoldError, match='fitted on other folds'):
        set_fold(cfg, 2, annotations='annotations-loso.json')
    identity['whiten'] = False
    cfg.train_dataloader.dataset.dataset.pipeline = [identity]
    set_fold(cfg, 2, annotations='annotations-loso.json')


def test_the_whitening_of_an_encoder_in_the_model_follows_too(folder):
    whitening = dict(file='identity.npz', fold=1)
    cfg = _config(folder, model=dict(
        identity_encoder=dict(type='mmfer.IResNet', whitening=whitening)))
    set_fold(cfg, 2)
    assert cfg.model.identity_encoder.whitening.fold == 2
    with pytest.raises(FoldError, match='fitted on other folds'):
        set_fold(cfg, 2, annotations='annotations-loso.json')


def test_training_data_that_know_no_fold_are_refused(folder, tmp_path):
    cfg = _config(folder)
    dataset = cfg.train_dataloader.dataset.dataset
    dataset.pop('fold')
    dataset['ann_file'] = 'merged.json'
    with pytest.raises(FoldError, match='merged.json alone'):
        set_fold(cfg, 2)
    # The same file by another name is the same.
    (tmp_path / 'link').symlink_to(folder)
    dataset.update(ann_file='annotations.json', data_root=str(
        tmp_path / 'link'))
    set_fold(cfg, 2)
    assert cfg.train_dataloader.dataset.dataset.fold == 2


def test_further_training_data_keep_their_part(folder):
    more = dict(type='mmfer.FERDataset', data_root=str(folder),
                ann_file='more.json', pipeline=[], split='train')

    def config(more):
        cfg = _config(folder)
        own = cfg.train_dataloader.dataset.dataset
        cfg.train_dataloader.dataset = dict(
            type='ConcatDataset', datasets=[own, more])
        return cfg

    cfg = config(more)
    for annotations in (None, 'annotations-loso.json'):
        set_fold(cfg, 2, annotations)
        first, second = cfg.train_dataloader.dataset.datasets
        assert first.fold == 2 and dict(second) == more
    assert first.ann_file.endswith('annotations-loso.json')
    # One that has folds, too, follows; made of the tested data they differ.
    cfg = config(dict(more, split=None, fold=1))
    set_fold(cfg, 2)
    assert cfg.train_dataloader.dataset.datasets[1].fold == 2
    with pytest.raises(FoldError, match='more.json has folds of its own'):
        set_fold(cfg, 2, 'annotations-loso.json')
