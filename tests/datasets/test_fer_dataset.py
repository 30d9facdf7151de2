# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import errno
import json
import pickle
import shutil

import numpy as np
import pytest
import torch

pytest.importorskip('mmaction')

from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.registry import DATASETS  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from mmfer.datasets import AnnotationError, FERDataset  # noqa: E402
from mmfer.datasets.fer_dataset import UnreadableClip  # noqa: E402

PIPELINE = [
    dict(type='mmfer.OpenCompressedVideo'),
    dict(type='mmfer.SampleSegments', num_segments=4, test_mode=True),
    dict(type='mmfer.ReadResiduals', mode='chained', motion=True),
    dict(type='CenterCrop', crop_size=40),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=('filename', 'subject', 'fold'))
]

pytestmark = pytest.mark.usefixtures('mmaction_scope')


def _dataset(folder, **kwargs):
    kwargs.setdefault('pipeline', PIPELINE)
    return FERDataset('annotations.json', data_root=str(folder), **kwargs)


def _subjects(dataset):
    return {dataset.get_data_info(i)['subject'] for i in range(len(dataset))}


def test_built_by_name_and_read(labelled_folder):
    dataset = DATASETS.build(
        dict(
            type='mmfer.FERDataset',
            ann_file='annotations.json',
            data_root=str(labelled_folder),
            split='test',
            test_mode=True,
            pipeline=PIPELINE))
    assert len(dataset) == 3
    assert dataset.metainfo['classes'] == ('happy', 'sad', 'fear')
    sample = dataset[1]
    assert sample['inputs'].shape == (4, 5, 40, 40)
    assert sample['inputs'].dtype == torch.int16
    assert sample['inputs'].any()
    assert sample['data_samples'].gt_label.tolist() == [1]
    assert sample['data_samples'].subject == 's3'
    assert sample['data_samples'].filename.endswith('s3_sad.mp4')


def test_splits_share_no_subject(labelled_folder):
    parts = [
        _subjects(_dataset(labelled_folder, split=s))
        for s in ('train', 'val', 'test')
    ]
    assert parts == [{'s0', 's1'}, {'s2'}, {'s3'}]


def test_folds(labelled_folder):
    tested = _dataset(labelled_folder, fold=1, fold_role='test')
    trained = _dataset(labelled_folder, fold=1, fold_role='train')
    assert _subjects(tested) == {'s0', 's2'}
    assert _subjects(trained) == {'s1', 's3'}
    assert len(_dataset(labelled_folder, fold=1, test_mode=True)) == 6
    with pytest.raises(ValueError, match='not both'):
        _dataset(labelled_folder, fold=1, split='train')


def test_class_subset_and_order(labelled_folder):
    dataset = _dataset(labelled_folder, classes=['fear', 'happy'])
    assert dataset.metainfo['classes'] == ('fear', 'happy')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert {(i['label_name'], i['label'])
            for i in infos} == {('fear', 0), ('happy', 1)}
    assert [dataset.get_cat_ids(i) for i in range(len(dataset))] == \
        [[info['label']] for info in infos]


def test_label_map_renames_joins_and_leaves_out(labelled_folder):
    dataset = _dataset(
        labelled_folder,
        label_map=dict(happy='positive', sad='negative', fear='negative'))
    assert dataset.metainfo['classes'] == ('positive', 'negative')
    assert len(dataset) == 12
    dataset = _dataset(labelled_folder, label_map=dict(fear=None))
    assert dataset.metainfo['classes'] == ('happy', 'sad')
    assert len(dataset) == 8


def test_csv(labelled_folder):
    path = labelled_folder / 'annotations.csv'
    path.write_text('path,label,split\nclips/s0_sad.mp4,sad,train\n')
    dataset = FERDataset('annotations.csv', PIPELINE, str(labelled_folder))
    assert dataset[0]['data_samples'].gt_label.tolist() == [0]


def test_data_prefix(labelled_folder, tmp_path):
    shutil.copy(labelled_folder / 'annotations.json', tmp_path)
    with pytest.raises(FileNotFoundError, match='12 of 12 clips are missing'):
        _dataset(tmp_path)
    dataset = _dataset(tmp_path, data_prefix=str(labelled_folder))
    assert dataset[0]['inputs'].shape == (4, 5, 40, 40)
    dataset = _dataset(tmp_path, data_prefix=dict(video='no'),
                       check_files=False)
    assert dataset.get_data_info(0)['filename'] == \
        str(tmp_path / 'no' / 'clips' / 's0_happy.mp4')


@pytest.mark.parametrize('kwargs, words', [
    (dict(split='dev'), "no clip of split 'dev'"),
    (dict(split='dev'), 'test (3), train (6), val (3)'),
    (dict(fold=9), 'no clip of fold 9'),
    (dict(classes=['joy']), 'no class joy; there are happy, sad, fear'),
    (dict(label_map=dict(joy='happy')), '`label_map` names joy'),
])
def test_what_is_not_there_is_named(labelled_folder, kwargs, words):
    with pytest.raises(AnnotationError) as caught:
        _dataset(labelled_folder, **kwargs)
    assert words in str(caught.value) and 'annotations.json' in str(
        caught.value)


def test_a_label_outside_the_classes_is_refused(labelled_folder, tmp_path):
    content = json.loads((labelled_folder / 'annotations.json').read_text())
    content['metainfo']['classes'] = ['happy', 'sad']
    (tmp_path / 'annotations.json').write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match='4 clips have a label .* fear'):
        _dataset(tmp_path)


@pytest.fixture
def damaged_folder(labelled_folder, tmp_path):
    """The labelled clips, one of which is no video."""
    folder = tmp_path / 'damaged'
    shutil.copytree(labelled_folder, folder)
    (folder / 'clips' / 's0_sad.mp4').write_bytes(b'nothing of the kind')
    return folder


def test_unreadable_clip_raises_in_test(damaged_folder):
    dataset = _dataset(damaged_folder, split='train', test_mode=True)
    with pytest.raises(UnreadableClip, match='s0_sad.mp4: cannot be read'):
        dataset[1]


def test_unreadable_clip_is_replaced_and_counted(damaged_folder):
    dataset = _dataset(damaged_folder, split='train')
    for _ in range(3):
        assert dataset[1] is not None
    (name, count), = dataset.take_failures()
    assert name.endswith('s0_sad.mp4') and count >= 3
    assert dataset.take_failures() == []


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_workers_give_the_same_and_count(damaged_folder, labelled_folder,
                                         method):
    whole = _dataset(labelled_folder, split='train')
    broken = _dataset(damaged_folder, split='train')
    loader = DataLoader(
        broken, batch_size=2, num_workers=2, collate_fn=pseudo_collate,
        multiprocessing_context=method)
    read = [x for batch in loader for x in batch['inputs']]
    assert len(read) == 6
    for number in (0, 2, 3, 4, 5):  # number 1 is another clip
        assert torch.equal(read[number], whole[number]['inputs'])
    (name, count), = broken.take_failures()
    assert name.endswith('s0_sad.mp4') and count >= 1


def test_pickled_dataset_gives_the_same(labelled_folder):
    dataset = _dataset(labelled_folder, split='val')
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(dataset[2]['inputs'], again[2]['inputs'])


def test_subset_counts_its_own_failures(damaged_folder):
    dataset = _dataset(damaged_folder, split='train')
    subset = dataset.get_subset([0, 1])
    subset[1]
    assert len(subset.take_failures()) == 1
    assert dataset.take_failures() == []
    dataset.get_subset_([1, 2])
    dataset[0]
    assert dataset.take_failures()[0][0].endswith('s0_sad.mp4')


def test_nothing_readable_ends_with_one_error(damaged_folder):
    dataset = _dataset(damaged_folder, split='train', classes=['sad'])
    for name in ('s0_sad', 's1_sad'):
        (damaged_folder / 'clips' / f'{name}.mp4').write_bytes(b'')
    np.random.seed(0)
    with pytest.raises(UnreadableClip, match='none of the 2 clips'):
        dataset[0]


def test_what_the_machine_lacks_is_no_fault_of_a_clip(labelled_folder,
                                                      monkeypatch):
    dataset = _dataset(labelled_folder, split='train')
    monkeypatch.setattr('builtins.open', _too_many_files)
    with pytest.raises(OSError, match='Too many open files'):
        dataset[0]
    monkeypatch.undo()
    assert dataset.take_failures() == []


def _too_many_files(path, *args, **kwargs):
    raise OSError(errno.EMFILE, 'Too many open files', path)


def test_the_replacement_depends_on_nothing_but_seed_and_epoch(damaged_folder):
    """Not on who reads, nor on what was read before."""
    def epoch(order):
        dataset = _dataset(damaged_folder, split='train')
        dataset.set_epoch(3, 5)
        np.random.seed(order[0])
        found = {number: dataset[number]['inputs'] for number in order}
        return torch.stack([found[number] for number in range(6)])

    expected = epoch(range(6))
    assert torch.equal(epoch([1, 5, 4, 3, 2, 0]), expected)
    assert torch.equal(epoch([4, 0, 2, 5, 1, 3]), expected)


def test_clips_that_only_train_are_never_tested(labelled_folder, tmp_path):
    content = json.loads((labelled_folder / 'annotations.json').read_text())
    for clip in content['clips']:
        clip['train_only'] = clip['subject'] in ('s0', 's3')
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(content))

    def subjects(**part):
        data = FERDataset(str(path), [], check_files=False, **part)
        return {data.get_data_info(i)['subject'] for i in range(len(data))}

    parts = {clip['subject']: clip['split'] for clip in content['clips']}
    for split in set(parts.values()):
        expected = {who for who, part in parts.items() if part == split
                    and (split == 'train' or who not in ('s0', 's3'))}
        if expected:
            assert subjects(split=split) == expected
