# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Data sets that know their persons: posed, acted, and micro-expressions."""
import zipfile
from collections import Counter

import pytest

from mmfer.datasets.adapters import AdapterError, get_adapter
from mmfer.testing.releases import write_release


def load(root, name, protocol=None, **variant):
    adapter = get_adapter(name)(root, **variant)
    clips = adapter.clips(protocol)
    found = {f.code: f for f in adapter.check(clips)
             if not f.code.startswith('count-')}
    return {clip.name: clip for clip in clips}, found


def folds(clips):
    return {clip.subject: clip.fold for clip in clips.values()}


def test_ckplus(release):
    clips, found = load(release('ckplus'), 'ckplus')
    # Numbers of the emotion files: 1 anger, 2 contempt, ... 7 surprise.
    assert [clips[f'S005/00{i}'].label for i in (1, 2, 3)] == [
        'angry', 'contempt', 'disgust']
    assert clips['S010/001'].label == 'fear'
    assert folds(clips) == {
        'S005': 1, 'S010': 2, 'S011': 3, 'S014': 4, 'S022': 5, 'S026': 6,
        'S028': 7, 'S032': 8, 'S501': 9, 'S999': 10}
    # The last picture is the apex; these two differ in length.
    assert clips['S005/001'].apex == 11 and clips['S010/001'].apex == 10
    assert 'S005/004' not in clips
    assert found['unlabelled'].items == ('S005/004', )
    assert list(found) == ['unlabelled']


def test_ckplus_as_users_have_it(release, tmp_path):
    reference, _ = load(release('ckplus'), 'ckplus')
    for variant in (dict(archive=True), dict(labels='Emotion_labels/Emotion')):
        clips, _ = load(release('ckplus', **variant), 'ckplus')
        assert {n: (c.label, c.fold, c.apex) for n, c in clips.items()} == {
            n: (c.label, c.fold, c.apex) for n, c in reference.items()}
    root = write_release('ckplus', tmp_path, frames=2)
    label, = (root / 'Emotion/S010/001').iterdir()
    label.write_text('   9.0000000e+00\n')
    with pytest.raises(AdapterError, match=r"emotion.txt: '9.0000000e\+00' is "
                                           'no emotion'):
        load(root, 'ckplus')


def test_mmi(release):
    clips, found = load(release('mmi'), 'mmi')
    assert clips['S001-001'].label == 'angry'
    assert clips['S054-003'].label == 'surprise'
    assert found['unlabelled'].items == ('S054-004', )
    assert sorted(set(folds(clips).values())) == list(range(1, 11))
    # The middle of 12 pictures; five pictures are marked with one unit, and
    # picture 8 (counted from 1) with two.
    assert clips['S001-001'].apex == 6
    assert clips['S001-001'].extra == {'front_half': 'right',
                                       'apex_from': 'middle'}
    assert clips['S053-001'].apex == 7
    assert clips['S053-001'].extra == {'apex_from': 'action units'}
    assert clips['S028-001'].extra['turn_clockwise'] == 90
    assert len(found['recording-layout'].items) == 24


def test_mmi_leaves_out_what_shows_no_front(tmp_path):
    root = write_release('mmi', tmp_path, frames=4)
    session, = [p for p in root.glob('Sessions/*/session.xml')
                if 'S050-002' in p.read_text()]
    session.write_text(session.read_text().replace('view="0"', 'view="1"'))
    clips, found = load(root, 'mmi')
    assert found['side-view'].items == ('S050-002', )
    assert 'S050-002' not in clips and 'S050-001' in clips


def test_mmi_in_an_archive(release):
    reference, _ = load(release('mmi'), 'mmi')
    clips, _ = load(release('mmi', archive=True), 'mmi')
    assert {n: (c.label, c.apex, c.extra) for n, c in clips.items()} == {
        n: (c.label, c.apex, c.extra) for n, c in reference.items()}
    assert clips['S001-001'].member == 'Sessions/1/S001-001.avi'


def test_oulu_casia(release):
    clips, found = load(release('oulu-casia', frames=6), 'oulu-casia')
    clip = clips['VL/Strong/P001/Anger']
    assert (clip.label, clip.subject, clip.apex) == ('angry', 'P001', 5)
    assert clip.extra == {'camera': 'VL', 'light': 'Strong'}
    assert len(clips) == 60 and found == {}
    assert folds(clips) == {f'P{i:03d}': i for i in range(1, 11)}
    with pytest.raises(AdapterError, match='OriginalImg/NI/Dark'):
        load(release('oulu-casia', frames=6), 'oulu-casia', camera='NI',
             light='Dark')


def test_oulu_casia_as_users_have_it(release):
    root = release('oulu-casia', frames=3, source='cropped', camera='NI',
                   light='Weak')
    adapter = get_adapter('oulu-casia')(root, camera='NI', light='Weak')
    assert adapter.clips()[0].name == 'NI/Weak/P001/Anger'
    assert (adapter.source, adapter.crop) == ('cropped', 'none')


def test_crema_d(release):
    clips, found = load(release('crema-d'), 'crema-d')
    clip = clips['1001_DFA_ANG_HI']
    assert (clip.label, clip.subject) == ('angry', '1001')
    assert clip.extra == {
        'sentence': 'DFA', 'intensity': 'high', 'age': '51', 'sex': 'Male',
        'race': 'Caucasian', 'ethnicity': 'Not Hispanic',
        'face_vote': 'angry:disgust'}
    assert clips['1005_DFA_NEU_XX'].label == 'neutral'
    assert 'intensity' not in clips['1005_DFA_NEU_XX'].extra
    assert folds(clips) == {str(1000 + i): i for i in range(1, 6)}
    assert found == {}


def test_crema_d_without_the_videos(tmp_path):
    root = write_release('crema-d', tmp_path, pointers=True)
    _, found = load(root, 'crema-d')
    assert len(found['lfs-pointer'].items) == 30
    assert found['lfs-pointer'].severity == 'error'


def test_crema_d_names(tmp_path):
    root = write_release('crema-d', tmp_path, frames=2)
    source = root / 'VideoFlash/1001_DFA_ANG_HI.flv'
    for name in ('1040_ITH_SAD_X', '1076_MTI_NEU_XX', 'intro'):
        (root / f'VideoFlash/{name}.flv').write_bytes(source.read_bytes())
    clips, found = load(root, 'crema-d', 'loso')
    # One name of the release has a single X.
    assert clips['1040_ITH_SAD_X'].label == 'sad'
    assert found['known-broken'].items == ('1076_MTI_NEU_XX', )
    assert found['unknown-name'].items == ('intro', )
    assert folds(clips)['1076'] == 7


@pytest.mark.parametrize('name, stray', [
    ('crema-d', 'VideoFlash/preview.jpg'),
    ('oulu-casia', 'OriginalImg/VL/Strong/P001/readme.png'),
    ('ckplus', 'cohn-kanade-images/S005/001.png'),
    ('mmi', 'Sessions/1/view.jpg')])
def test_a_stray_picture_hides_no_clip(tmp_path, name, stray):
    root = write_release(name, tmp_path, frames=3)
    reference, before = load(root, name)
    (root / stray).write_bytes(b'')
    clips, found = load(root, name)
    assert clips == reference
    assert set(found) - set(before) == {'mixed-folder'}
    assert found['mixed-folder'].items == (str(root / stray), )


def test_ravdess(release):
    clips, found = load(release('ravdess'), 'ravdess')
    clip = clips['Actor_02/02-01-01-01-01-01-02']
    assert (clip.label, clip.subject, clip.fold) == ('neutral', 'Actor_02', 2)
    assert clip.extra == {'channel': 'speech', 'intensity': 'normal',
                          'statement': '01', 'repetition': '01',
                          'sex': 'female'}
    assert {n.split('-')[2]: c.label for n, c in clips.items()} == {
        '01': 'neutral', '02': 'calm', '03': 'happy', '04': 'sad',
        '05': 'angry', '06': 'fear', '07': 'disgust', '08': 'surprise'}
    assert found == {}


def test_ravdess_with_and_without_sound(tmp_path, release):
    clips, found = load(release('ravdess', modality='01'), 'ravdess')
    assert len(clips) == 24 == len(found['modality'].items)
    root = write_release('ravdess', tmp_path, frames=4)
    write_release('ravdess', tmp_path, frames=4, modality='01')
    clips, found = load(root, 'ravdess')
    assert len(clips) == 24 and found == {}
    assert all('/02-' in name for name in clips)
    # Sound files and songs are no clips of the speech protocol.
    source = root / 'Actor_01/02-01-05-01-01-01-01.mp4'
    (source.parent / '02-02-05-01-01-01-01.mp4').write_bytes(
        source.read_bytes())
    assert len(load(root, 'ravdess')[0]) == 24
    assert len(load(root, 'ravdess', channel='both')[0]) == 25


def test_videos_of_something_else(tmp_path):
    (tmp_path / 'holiday.mp4').write_bytes(b'')
    with pytest.raises(AdapterError) as error:
        load(tmp_path, 'ravdess')
    assert str(error.value) == (
        f'{tmp_path}: no RAVDESS clip can be used; RAVDESS: 1 clips are left '
        'out, because their name or label is none of this data set, the '
        'first is holiday')


def test_ravdess_archives_as_downloaded(release):
    clips, _ = load(release('ravdess', archive=True), 'ravdess')
    clip = clips['Actor_01/02-01-05-01-01-01-01']
    assert clip.source.name == 'Video_Speech_Actor_01.zip'
    assert clip.member == 'Actor_01/02-01-05-01-01-01-01.mp4'
    assert len(clips) == 24 and set(folds(clips).values()) == set(range(1, 7))


class TestRAVDESSSong:

    @staticmethod
    def archives(root, *channels):
        root.mkdir()
        for actor in range(1, 7):
            for channel in channels:
                code = '01' if channel == 'Speech' else '02'
                path = root / f'Video_{channel}_Actor_{actor:02d}.zip'
                with zipfile.ZipFile(path, 'w') as file:
                    file.writestr(
                        f'Actor_{actor:02d}/02-{code}-03-01-01-01-'
                        f'{actor:02d}.mp4', b'')
        return root

    @pytest.mark.parametrize('unpack', [(), ('Speech', ), ('Song', ),
                                        ('Speech', 'Song')])
    def test_beside_speech(self, tmp_path, unpack):
        root = self.archives(tmp_path / 'r', 'Speech', 'Song')
        for path in [p for name in unpack for p in root.glob(f'*{name}*')]:
            with zipfile.ZipFile(path) as file:
                file.extractall(root)
        for channel, codes in (('speech', {'01'}), ('song', {'02'}),
                               ('both', {'01', '02'})):
            clips, found = load(root, 'ravdess', channel=channel)
            assert len(clips) == 6 * len(codes)
            assert {name.split('-')[1] for name in clips} == codes
            # An archive that was kept is no second place.
            assert found == {}
        assert {clip.extra['channel'] for clip in clips.values()} == {
            'speech', 'song'}

    def test_one_actor_unpacked_into_a_folder_of_its_own(self, tmp_path):
        root = self.archives(tmp_path / 'r', 'Speech', 'Song')
        path = root / 'Video_Song_Actor_03.zip'
        with zipfile.ZipFile(path) as file:
            file.extractall(path.with_suffix(''))
        path.unlink()
        clips, found = load(root, 'ravdess', channel='both')
        assert len(clips) == 12 and found == {}

    def test_a_channel_that_is_missing(self, tmp_path):
        root = self.archives(tmp_path / 'r', 'Speech')
        clips, found = load(root, 'ravdess', channel='both')
        assert len(clips) == 6
        assert found['missing-channel'].items == ('song', )
        assert 'Video_Song' in found['missing-channel'].advice
        with pytest.raises(AdapterError, match='wanted channels have no clip, '
                                               'the first is song'):
            load(root, 'ravdess', channel='song')


def test_ravdess_folds_of_the_whole_release():
    from mmfer.datasets.folds import subject_folds
    protocol = get_adapter('ravdess').protocols['6-fold']
    actors = [f'Actor_{i:02d}' for i in range(1, 25)]
    dealt = subject_folds(actors, protocol.folds, protocol.rule)
    assert [dealt[a] for a in actors] == [1] * 4 + [2] * 4 + [3] * 4 + \
        [4] * 4 + [5] * 4 + [6] * 4


def test_enterface05(release):
    clips, found = load(release('enterface05'), 'enterface05')
    clip = clips['s1/s1_an_1']
    assert (clip.label, clip.subject, clip.fold) == ('angry', 's1', 1)
    assert clip.extra == {'sentence': '1'}
    # A person without folders for sentences.
    assert clips['s5/s5_fe_1'].label == 'fear'
    assert Counter(c.label for c in clips.values()) == dict.fromkeys(
        ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise'), 5)
    assert found == {}
    packed, _ = load(release('enterface05', archive=True), 'enterface05')
    assert folds(packed) == folds(clips) and set(packed) == set(clips)


def test_enterface05_names_with_slips(tmp_path):
    root = write_release('enterface05', tmp_path, frames=2)
    old = root / 'subject 2/fear/sentence 1/s2_fe_1.avi'
    old.rename(old.with_name('s2_sa_1.avi'))
    old = root / 'subject 3/happiness/sentence 1/s3_ha_1.avi'
    old.rename(old.with_name('S_3_ha_1.avi'))
    clips, found = load(root, 'enterface05')
    # Two files of one name, one of them in the folder of another expression.
    assert sorted(n for n in clips if 's2_sa' in n) == ['s2/s2_sa_1',
                                                        's2/s2_sa_1_2']
    assert Counter(c.label for c in clips.values())['fear'] == 5
    assert found['label-conflict'].items == (
        'subject 2/fear/sentence 1/s2_sa_1 (taken as fear)', )
    assert clips['s3/S_3_ha_1'].subject == 's3'


@pytest.mark.parametrize('sheet', ['.xlsx', '.csv'])
def test_casme2(release, sheet):
    if sheet == '.xlsx':
        pytest.importorskip('openpyxl')
    clips, found = load(release('casme2', sheet=sheet), 'casme2')
    clip = clips['sub01/EP02_01f']
    assert (clip.label, clip.subject, clip.fold) == ('happy', 'sub01', 1)
    # Onset 99, apex 102, offset 106 of the pictures img96 to img107.
    assert clip.frames == tuple(f'img{i}.jpg' for i in range(99, 107))
    assert (clip.onset, clip.apex, clip.offset) == (0, 3, 7)
    assert clips['sub03/EP08_03f'].label == 'others'
    assert clips['sub03/EP08_03f'].apex is None
    assert folds(clips) == {'sub01': 1, 'sub02': 2, 'sub03': 3}
    assert found == {}


def test_casme2_as_users_have_it(release):
    reference, _ = load(release('casme2', sheet='.csv'), 'casme2')
    root = release('casme2', sheet='.csv', source='cropped')
    adapter = get_adapter('casme2')(root)
    clips = {clip.name: clip for clip in adapter.clips()}
    assert (adapter.crop, adapter.frame_rate) == ('none', 200.)
    assert clips['sub01/EP02_01f'].frames[0] == 'reg_img99.jpg'
    packed, _ = load(release('casme2', sheet='.csv', archive=True), 'casme2')
    for other in (clips, packed):
        assert {n: (c.label, c.apex) for n, c in other.items()} == {
            n: (c.label, c.apex) for n, c in reference.items()}
    whole, _ = load(release('casme2', sheet='.csv'), 'casme2', span='whole')
    clip = whole['sub01/EP02_01f']
    assert clip.frames == () and (clip.onset, clip.apex) == (3, 6)


def test_casme2_pictures_that_do_not_fit_the_sheet(tmp_path):
    root = write_release('casme2', tmp_path, sheet='.csv', frames=9)
    folder = root / 'CASME2_RAW_selected/sub02/EP03_02f'
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f'a{number + 1}.jpg')
    clips, found = load(root, 'casme2')
    assert clips['sub02/EP03_02f'].apex is None
    assert clips['sub02/EP03_02f'].frames == ()
    assert found['span-mismatch'].items[0].startswith('sub02/EP03_02f: coded '
                                                      'from picture 100 to')


@pytest.mark.parametrize('span', ['onset-offset', 'whole'])
def test_casme2_pictures_without_a_number(tmp_path, span):
    root = write_release('casme2', tmp_path, sheet='.csv')
    reference, _ = load(root, 'casme2', span=span)
    folder = 'sub01/EP02_01f'
    (root / 'CASME2_RAW_selected' / folder / 'cover.jpg').write_bytes(b'')
    clips, found = load(root, 'casme2', span=span)
    assert found['unnumbered-picture'].items == (f'{folder}/cover.jpg', )
    assert clips[folder].apex == reference[folder].apex
    # All that are taken are named, or the cover would be among them.
    first = 99 if span == 'onset-offset' else 96
    assert clips[folder].frames[0] == f'img{first}.jpg'
    assert 'cover.jpg' not in clips[folder].frames
    del clips[folder], reference[folder]
    assert clips == reference


@pytest.mark.parametrize('name', ['casme2', 'samm'])
def test_rows_without_a_person(tmp_path, name):
    root = write_release(name, tmp_path, sheet='.csv', frames=9)
    reference, _ = load(root, name)
    sheet, = root.glob('*.csv')
    lines = sheet.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines)
                 if line.lower().startswith('subject')) + 1
    for empty in ('', 'n/a', '\u00b2'):
        lines[first] = f'{empty},{lines[first].split(",", 1)[1]}'
        sheet.write_text(''.join(lines), encoding='utf-8')
        clips, found = load(root, name)
        assert len(clips) == len(reference) - 1
        assert found['unknown-subject'].items == (lines[first].split(',')[1], )


def test_ckplus_a_picture_without_a_number(tmp_path):
    root = write_release('ckplus', tmp_path, frames=4)
    folder = root / 'cohn-kanade-images/S005/001'
    names = sorted(path.name for path in folder.iterdir())
    (folder / 'Thumbs.png').write_bytes(b'')
    clips, found = load(root, 'ckplus')
    assert clips['S005/001'].frames == tuple(names)
    assert clips['S005/001'].apex == 3
    assert found['unnumbered-picture'].items == ('S005/001/Thumbs.png', )


@pytest.mark.parametrize('variant', [
    dict(sheet='.xlsx'), dict(sheet='.csv', source='raw', archive=True),
    dict(sheet='.csv', source='cropped', newline='\r\n')])
def test_samm(release, variant):
    if variant['sheet'] == '.xlsx':
        pytest.importorskip('openpyxl')
    clips, found = load(release('samm', **variant), 'samm')
    clip = clips['006_1_2']
    assert (clip.label, clip.subject, clip.fold) == ('angry', '006', 1)
    # All pictures of the folder are the expression: none need be named.
    assert clip.frames == ()
    assert (clip.onset, clip.apex, clip.offset) == (0, 5, 11)
    assert clips['010_8_2'].label == 'others'
    assert folds(clips) == {'006': 1, '007': 2, '010': 3}
    assert found == {}
