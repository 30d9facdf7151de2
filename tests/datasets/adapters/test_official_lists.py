# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""DFEW, FERV39k, MAFW, AFEW: clips of films with official lists or parts."""
import shutil
from collections import Counter

import pytest

from mmfer.datasets.adapters import AdapterError, get_adapter
from mmfer.datasets.adapters.folds import folds_from_lists
from mmfer.testing.releases import write_release

DFEW = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


def facts(clips):
    return {clip.name: (clip.label, clip.fold, clip.split) for clip in clips}


def codes(adapter, clips):
    """Codes of findings, without the counts: a tiny tree has few clips."""
    return [f.code for f in adapter.check(clips)
            if not f.code.startswith('count-')]


def test_dfew(release):
    adapter = get_adapter('dfew')(release('dfew'))
    clips = adapter.clips()
    assert adapter.class_names() == DFEW
    assert (adapter.source, adapter.crop) == ('faces', 'none')
    # The release counts from 1: 00001 has the label 1, 00035 has 7.
    assert facts(clips)['00001'] == ('happy', 1, None)
    assert facts(clips)['00007'] == ('sad', 2, None)
    assert facts(clips)['00035'] == ('fear', 5, None)
    assert Counter((c.label, c.fold) for c in clips) == {
        (name, fold): 1 for name in DFEW for fold in range(1, 6)}
    assert codes(adapter, clips) == []
    assert all(clip.subject is None for clip in clips)


@pytest.mark.parametrize('variant', [
    dict(lists='s2d'), dict(lists='underscore'),
    dict(newline='\r\n', encoding='utf-8-sig'), dict(archive=True),
    dict(source='original'), dict(source='faces16')])
def test_dfew_as_users_have_it(release, variant):
    adapter = get_adapter('dfew')(release('dfew', **variant))
    reference = get_adapter('dfew')(release('dfew')).clips()
    assert facts(adapter.clips()) == facts(reference)
    assert adapter.source == variant.get('source', 'faces')
    assert adapter.crop == ('clip' if adapter.source == 'original' else 'none')


def test_dfew_frames_in_time_or_as_some_checkpoints_want(release):
    root = release('dfew')
    assert get_adapter('dfew')(root).clips()[0].frames == ()
    adapter = get_adapter('dfew')(root, frame_order='lexicographic')
    assert adapter.clips()[0].frames[:5] == ('1.jpg', '10.jpg', '11.jpg',
                                             '12.jpg', '2.jpg')


def test_dfew_missing_clips_are_reported(tmp_path):
    root = write_release('dfew', tmp_path, frames=2, archive=False)
    for picture in (root / 'Clip/clip_224x224/00003').iterdir():
        picture.unlink()
    adapter = get_adapter('dfew')(root)
    clips = adapter.clips()
    assert len(clips) == 34
    missing, = [f for f in adapter.check(clips) if f.code == 'missing-clip']
    assert missing.items == ('00003', )
    count, = [f for f in adapter.check(clips) if f.code == 'count-clips']
    assert count.message.startswith('DFEW: 34 clips, a complete copy has '
                                    '11697')


def test_dfew_label_base_can_be_said(release):
    root = release('dfew')
    with pytest.raises(AdapterError, match='from 1 to 7 are not 7 classes '
                                           'counted from 0'):
        get_adapter('dfew')(root, label_base=0).clips()
    # Command lines give strings.
    adapter = get_adapter('dfew')(root, label_base='1')
    assert adapter.clips()[0].label == 'happy'
    assert adapter.variant == {'label_base': 1}


def test_ferv39k(release):
    adapter = get_adapter('ferv39k')(release('ferv39k'))
    clips = adapter.clips()
    assert adapter.class_names() == ('angry', 'disgust', 'fear', 'happy',
                                     'neutral', 'sad', 'surprise')
    found = facts(clips)
    # The same number in two scenes is two clips.
    assert found['Action/Sad/0010'] == ('sad', None, 'train')
    assert found['Crime/Sad/0010'] == ('sad', None, 'train')
    assert found['Action/Happy/0011'] == ('happy', None, 'test')
    assert Counter(c.split for c in clips) == {'train': 14, 'test': 7}
    assert clips[0].extra == {'scene': 'Action'}
    assert codes(adapter, clips) == []


@pytest.mark.parametrize('variant', [
    dict(lists='s2d'), dict(newline='\r\n'), dict(archive=True),
    dict(folder='2_ClipsforFaceCrop-002/2_ClipsforFaceCrop')])
def test_ferv39k_as_users_have_it(release, variant):
    adapter = get_adapter('ferv39k')(release('ferv39k', **variant))
    reference = get_adapter('ferv39k')(release('ferv39k')).clips()
    assert facts(adapter.clips()) == facts(reference)


def test_ferv39k_lists_are_checked_against_folders(tmp_path):
    root = write_release('ferv39k', tmp_path, frames=2)
    path = root / '4_setups/All_scenes/train_All.csv'
    path.write_text(path.read_text().replace(
        'Crime/Sad/0010 Sad', 'Crime/Sad/0010 Happy') +
        'Action/Fear/0011 Fear\n')
    adapter = get_adapter('ferv39k')(root)
    found = {f.code: f for f in adapter.check(adapter.clips())}
    assert found['label-conflict'].items == ('Crime/Sad/0010 (happy)', )
    assert found['split-overlap'].items == ('Action/Fear/0011', )
    assert found['split-overlap'].severity == 'error'


def test_ferv39k_a_clip_with_two_labels_is_left_out(tmp_path):
    root = write_release('ferv39k', tmp_path, frames=2)
    path = root / '4_setups/All_scenes/train_All.csv'
    path.write_text(path.read_text() + 'Crime/Sad/0010 Angry\n')
    adapter = get_adapter('ferv39k')(root)
    clips = adapter.clips()
    assert 'Crime/Sad/0010' not in facts(clips) and len(clips) == 20
    conflict, = [f for f in adapter.check(clips)
                 if f.code == 'label-conflict']
    assert conflict.items == ('Crime/Sad/0010 (sad and angry)', )


def test_mafw_single(release):
    adapter = get_adapter('mafw')(release('mafw'))
    clips = adapter.clips()
    assert adapter.class_names() == (
        'angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise',
        'contempt', 'anxiety', 'helplessness', 'disappointment')
    assert facts(clips)['00025'] == ('angry', 1, None)
    assert Counter(c.fold for c in clips) == dict.fromkeys(range(1, 6), 11)
    assert clips[0].source.name == '00025.mp4' and adapter.crop == 'clip'
    assert codes(adapter, clips) == []


@pytest.mark.parametrize('variant', [
    dict(lists='s2d'), dict(lists='with_caption'), dict(newline='\r\n'),
    dict(source='faces'), dict(archive=True)])
def test_mafw_as_users_have_it(release, variant):
    variant = dict(frames=4, **variant)
    adapter = get_adapter('mafw')(release('mafw', **variant))
    clips = adapter.clips()
    assert facts(clips) == facts(get_adapter('mafw')(release('mafw')).clips())
    captions = variant.get('lists') == 'with_caption'
    assert codes(adapter, clips) == ['short-lists'] * captions


def test_mafw_compound(release):
    adapter = get_adapter('mafw')(release('mafw'))
    names = adapter.class_names('compound')
    assert len(names) == 43 and names[:11] == adapter.class_names('single')
    assert sum(adapter.expected['compound'].classes.values()) == 8996
    clips = adapter.clips('compound')
    assert Counter(c.label for c in clips)['angry_disgust'] == 5
    assert Counter(c.label for c in clips)['sad_helplessness'] == 5
    assert len(clips) == 65 and {c.label for c in clips} <= set(names)


def test_mafw_numbers_need_a_table(tmp_path):
    root = write_release('mafw', tmp_path, frames=2, lists='s2d')
    (root / 'Train & Test Set/single/no_caption/id_to_calss.txt').unlink()
    with pytest.raises(AdapterError, match='say `label_order`'):
        get_adapter('mafw')(root).clips()
    assert facts(get_adapter('mafw')(root, label_order='s2d').clips())[
        '00025'] == ('angry', 1, None)


class TestMAFWTables:
    """Which table says what the numbers of the lists mean."""

    SINGLE = ('anger', 'anxiety', 'contempt', 'disappointment', 'disgust',
              'fear', 'happiness', 'helplessness', 'neutral', 'sadness',
              'surprise')
    FOLDER = 'Train & Test Set'

    @pytest.fixture
    def root(self, tmp_path):
        root = write_release('mafw', tmp_path, frames=2, lists='s2d')
        (root / self.FOLDER / 'single/no_caption/id_to_calss.txt').unlink()
        return root

    def write(self, root, folder, names, name='id_to_class.txt'):
        path = root / folder / name
        path.write_text(''.join(f"{number}: '{word}',\n"
                                for number, word in enumerate(names)))
        return path

    def labels(self, root):
        return {c.name: c.label for c in get_adapter('mafw')(root).clips()}

    def test_of_the_other_protocol(self, root, release):
        # The alphabetical table of all classes shifts the single ones.
        every = sorted(self.SINGLE + ('anger_anxiety', 'anger_disgust'))
        self.write(root, f'{self.FOLDER}/compound', every)
        with pytest.raises(AdapterError, match='say `label_order`'):
            self.labels(root)
        table = self.write(root, '', every)
        with pytest.raises(AdapterError) as error:
            self.labels(root)
        assert str(error.value) == (
            f'{table}: these are not the 11 classes of the protocol single, '
            'each once; put the table of that protocol beside its lists, or '
            'say `label_order`')
        self.write(root, f'{self.FOLDER}/single', self.SINGLE)
        assert facts(get_adapter('mafw')(root).clips()) == facts(
            get_adapter('mafw')(release('mafw')).clips())

    def test_above_the_lists(self, root):
        self.write(root, '', self.SINGLE)
        assert self.labels(root)['00025'] == 'angry'

    def test_two_that_disagree(self, root):
        folder = f'{self.FOLDER}/single'
        self.write(root, folder, self.SINGLE, 'id_to_class.txt')
        self.write(root, folder, self.SINGLE[::-1], 'id_to_class_old.txt')
        with pytest.raises(AdapterError, match='one number to different'):
            self.labels(root)

    def test_that_is_not_needed(self, tmp_path):
        root = write_release('mafw', tmp_path, frames=2)
        self.write(root, '', self.SINGLE[1:])
        assert self.labels(root)['00025'] == 'angry'


def test_afew(release):
    adapter = get_adapter('afew')(release('afew'))
    clips = adapter.clips()
    assert adapter.class_names() == ('angry', 'disgust', 'fear', 'happy',
                                     'neutral', 'sad', 'surprise')
    assert Counter((c.split, c.label) for c in clips) == {
        **{('train', name): 2 for name in adapter.classes},
        **{('val', name): 1 for name in adapter.classes}}
    assert clips[0].source.parts[-3:] == ('Train_AFEW', 'Angry',
                                          '000046320.avi')
    assert codes(adapter, clips) == []


@pytest.mark.parametrize('variant', [dict(source='faces'),
                                     dict(archive=True)])
def test_afew_as_users_have_it(release, variant):
    adapter = get_adapter('afew')(release('afew', **variant))
    reference = get_adapter('afew')(release('afew')).clips()
    assert facts(adapter.clips()) == facts(reference)
    assert adapter.crop == ('none' if 'source' in variant else 'clip')


def test_afew_two_folders_of_one_part(tmp_path):
    for part in ('train', 'val', 'val_old'):
        folder = tmp_path / 'AFEW_Face' / part / 'Angry' / '1'
        folder.mkdir(parents=True)
        (folder / '1.jpg').write_bytes(b'')
        # As network drives leave it in folders of pictures.
        (folder / '@eaDir/1.jpg').mkdir(parents=True)
        (folder / '@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg').write_bytes(b'')
    adapter = get_adapter('afew')(tmp_path)
    clips = adapter.clips()
    assert [clip.name for clip in clips] == ['train/angry/1', 'val/angry/1']
    assert codes(adapter, clips) == ['duplicate-clip']


@pytest.mark.parametrize('archive', [False, True])
def test_afew_one_name_in_both_parts(tmp_path, archive):
    for part in ('Train_AFEW', 'Val_AFEW'):
        for name in ('Angry/000000001.avi', 'Happy/000000001.avi'):
            (tmp_path / part / name).parent.mkdir(parents=True)
            (tmp_path / part / name).write_bytes(b'')
        if archive:
            shutil.make_archive(str(tmp_path / part), 'zip', tmp_path, part)
            shutil.rmtree(tmp_path / part)
    adapter = get_adapter('afew')(tmp_path)
    clips = adapter.clips()
    assert [(c.name, c.split) for c in clips] == [
        (f'{split}/{label}/000000001', split)
        for split in ('train', 'val') for label in ('angry', 'happy')]
    assert codes(adapter, clips) == []


def test_folds_that_do_not_add_up():
    honest = {1: ['a', 'b'], 2: ['c', 'd']}
    folds, findings = folds_from_lists('X', honest, {1: ['c', 'd'],
                                                     2: ['a', 'b']})
    assert folds == {'a': 1, 'b': 1, 'c': 2, 'd': 2} and findings == []
    folds, findings = folds_from_lists(
        'X', {1: ['a', 'b'], 2: ['b', 'c']}, {1: ['a', 'c'], 2: ['e']})
    assert folds == {'a': 1, 'b': 1, 'c': 2}
    assert {f.code: f.items for f in findings} == {
        'fold-overlap': ('b (folds 1 and 2)', ),
        'fold-leak': ('a (fold 1)', ),
        'fold-untested': ('e (fold 2)', ),
        'fold-untrained': ('a (fold 2)', 'b (fold 2)')}
