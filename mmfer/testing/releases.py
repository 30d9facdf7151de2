# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny trees in the layout of official releases, for tests.

The files are real: coded videos and pictures of synthetic faces, and lists in
the format of the release. Of each data set there is just enough for all of
its folds: every class in every official fold or split, and as many persons as
there are folds.
"""
from pathlib import Path
from typing import Callable, Dict, Union

import numpy as np

from .release_writer import ReleaseWriter

_DFEW = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
_SIX = {'Anger': 'angry', 'Disgust': 'disgust', 'Fear': 'fear',
        'Happiness': 'happy', 'Sadness': 'sad', 'Surprise': 'surprise'}
_SEVEN = {'Angry': 'angry', 'Disgust': 'disgust', 'Fear': 'fear',
          'Happy': 'happy', 'Neutral': 'neutral', 'Sad': 'sad',
          'Surprise': 'surprise'}
_MAFW = {'anger': 'angry', 'disgust': 'disgust', 'fear': 'fear',
         'happiness': 'happy', 'neutral': 'neutral', 'sadness': 'sad',
         'surprise': 'surprise', 'contempt': 'contempt',
         'anxiety': 'anxiety', 'helplessness': 'helplessness',
         'disappointment': 'disappointment'}
_COMPOUND = {'anger_disgust': 'angry_disgust',
             'sadness_helplessness': 'sad_helplessness'}


def write_release(name: str,
                  root: Union[str, Path],
                  frames: int = 12,
                  size: int = 64,
                  newline: str = '\n',
                  encoding: str = 'utf-8',
                  **variant) -> Path:
    """Write a tiny release.

    Args:
        name (str): Name of an adapter, e.g. 'dfew'.
        root (str | Path): Folder to make it in.
        frames (int): Pictures per clip. Defaults to 12.
        size (int): Height and width of pictures. Defaults to 64.
        newline (str): Line end of lists: '\\n' or '\\r\\n'.
        encoding (str): Of lists, e.g. 'utf-8-sig' or 'gb18030'.
            Defaults to 'utf-8'.
        **variant: Of the data set: ``source`` (kind of clips), ``archive``
            (bool, clips in zip archives), ``lists`` (which of the known ways
            of writing them), and what its function takes.

    Returns:
        Path: The root.

    Raises:
        ValueError: There is no such data set.

    Example:
        >>> from mmfer.testing.releases import write_release
        >>> write_release('dfew', '/tmp/dfew', archive=True)  # doctest: +SKIP
    """
    if name not in RELEASES:
        raise ValueError(f'no release {name!r}; there are '
                         f'{", ".join(RELEASES)}')
    writer = ReleaseWriter(Path(root), frames, size, newline, encoding)
    RELEASES[name](writer, **variant)
    return writer.root


def _dfew(w: ReleaseWriter, source: str = 'faces', lists: str = 'official',
          archive: bool = False, **_) -> None:
    """Lists: 'official' (from 1), 'underscore' (other folders), 's2d' (0)."""
    folder = {'faces': 'Clip/clip_224x224', 'original': 'Clip/original',
              'faces16': 'Clip/clip_224x224_16f'}[source]
    rows: Dict[int, list] = {fold: [] for fold in range(1, 6)}
    base = 0 if lists == 's2d' else 1
    for number in range(35):
        fold, label = number % 5 + 1, _DFEW[number // 5]
        clip = f'{number + 1:05d}'
        pictures = w.faces(number % 3, label, number)
        if source == 'original':
            w.video(f'{folder}/{clip}.mp4', pictures)
        else:
            w.pictures(f'{folder}/{clip}', pictures, lambda i: f'{i + 1}.jpg')
        rows[fold].append(f'{clip},{number // 5 + base}')
    role_folder = '{}_single-labeled' if lists == 'underscore' else \
        '{}(single-labeled)'
    for fold in rows:
        train = [row for k in rows if k != fold for row in rows[k]]
        for role, found in (('test', rows[fold]), ('train', train)):
            prefix = f'{role}_' if lists == 's2d' else ''
            w.text('EmoLabel_DataSplit/' + role_folder.format(role) +
                   f'/{prefix}set_{fold}.csv', ['video_name,label', *found])
    if archive:
        w.archive(folder)


def _ferv39k(w: ReleaseWriter, lists: str = 'official',
             archive: bool = False, folder: str = '2_ClipsforFaceCrop',
             **_) -> None:
    """Lists: 'official' (words), 's2d' (numbers in alphabetical order)."""
    rows: Dict[str, list] = {'train': [], 'test': []}
    for number, (word, label) in enumerate(_SEVEN.items()):
        for take, split in enumerate(('train', 'train', 'test')):
            # The same number in another scene is another clip.
            scene = ('Action', 'Crime', 'Action')[take]
            key = f'{scene}/{word}/{10 if take < 2 else 11:04d}'
            w.pictures(f'{folder}/{key}', w.faces(take, label, take),
                       lambda i: f'{i + 1:02d}.jpg')
            rows[split].append((key, word, number))
    for split, found in rows.items():
        if lists == 's2d':
            w.text(f'Annotation/{split}.csv',
                   ['path,id'] + [f'{key},{n}' for key, _, n in found])
        else:
            w.text(f'4_setups/All_scenes/{split}_All.csv',
                   [f'{key} {word}' for key, word, _ in found])
    if archive:
        w.archive(folder)


def _mafw(w: ReleaseWriter, source: str = 'clips', lists: str = 'no_caption',
          archive: bool = False, **_) -> None:
    """Lists: 'no_caption', 'with_caption' (GBK), 's2d' (numbers)."""
    folder = {'clips': 'clips', 'faces': 'frames_crop_align_224'}[source]
    order = sorted(_MAFW)
    rows = {'single': {}, 'compound': {}}
    words = {**_MAFW, **_COMPOUND}
    number = 24
    for word, label in words.items():
        for fold in range(1, 6):
            number += 1
            clip = f'{number:05d}'
            pictures = w.faces(number % 3, label, fold)
            if source == 'clips':
                w.video(f'{folder}/{clip}.mp4', pictures)
            else:
                w.pictures(f'{folder}/{clip}', pictures,
                           lambda i: f'{i + 1:04d}.png')
            for kind in rows if word in _MAFW else ('compound', ):
                rows[kind].setdefault(fold, []).append((clip, word))
    for kind, by_fold in rows.items():
        for fold in by_fold:
            train = [r for k in by_fold if k != fold for r in by_fold[k]]
            for role, found in (('test', by_fold[fold]), ('train', train)):
                _write_mafw_list(w, kind, lists, fold, role, found, order)
    if archive:
        w.archive(folder)


def _write_mafw_list(w, kind, lists, fold, role, rows, order) -> None:
    captions = 'with_caption' if lists == 'with_caption' else 'no_caption'
    folder = f'Train & Test Set/{kind}/{captions}'
    if lists == 's2d' and kind == 'single':
        w.text(f'{folder}/set_{fold}/{role}.csv', ['video_name,labels'] + [
            f'{clip},{order.index(word)}' for clip, word in rows])
        w.text(f'{folder}/id_to_calss.txt', [
            f"{i}: '{word.capitalize()}'," for i, word in enumerate(order)])
    elif lists == 'with_caption':
        path = f'{folder}/set_{fold}/{role}.txt'
        text = ''.join(f'{clip}.mp4\t{word}\t一个男人大声讲话。\t'
                       f'A man talks loudly, {word}.\r\n'
                       for clip, word in rows)
        (w.root / path).parent.mkdir(parents=True, exist_ok=True)
        (w.root / path).write_bytes(text.encode('gbk'))
    else:
        w.text(f'{folder}/set_{fold}/{role}.txt',
               [f'{clip}.mp4 {word}' for clip, word in rows])


def _afew(w: ReleaseWriter, source: str = 'videos', archive: bool = False,
          **_) -> None:
    number = 46280
    for split, takes in (('train', 2), ('val', 1)):
        for word, label in _SEVEN.items():
            for take in range(takes):
                number += 40
                pictures = w.faces(take, label, number)
                if source == 'videos':
                    w.video(f'{split.capitalize()}_AFEW/{word}/'
                            f'{number:09d}.avi', pictures)
                else:
                    folder = 'train' if split == 'train' else 'validation'
                    w.pictures(f'AFEW_Face/{folder}/{word}/{number:09d}',
                               pictures, lambda i: f'{i + 1:03d}.jpg')
    if archive:
        w.archive_all(['Train_AFEW', 'Val_AFEW'])


def _ckplus(w: ReleaseWriter, archive: bool = False,
            labels: str = 'Emotion', **_) -> None:
    """Ten persons with three labelled sequences, the first one with four."""
    emotions = ('angry', 'contempt', 'disgust', 'fear', 'happy', 'sad',
                'surprise')
    persons = (5, 10, 11, 14, 22, 26, 28, 32, 501, 999)
    for rank, person in enumerate(persons):
        for take in range(4 if rank == 0 else 3):
            number = (3 * rank + take) % 7
            who, sequence = f'S{person:03d}', f'{take + 1:03d}'
            # Sequences differ in length; all end at the apex.
            pictures = w.faces(rank, emotions[number], take,
                               w.frames - rank % 2)
            w.pictures(f'cohn-kanade-images/{who}/{sequence}', pictures,
                       lambda i: f'{who}_{sequence}_{i + 1:08d}.png')
            if take < 3:
                w.text(f'{labels}/{who}/{sequence}/{who}_{sequence}_'
                       f'{len(pictures):08d}_emotion.txt',
                       [f'   {number + 1}.0000000e+00'])
    if archive:
        w.archive('cohn-kanade-images')


def _mmi(w: ReleaseWriter, archive: bool = False, **_) -> None:
    """Ten persons, three labelled recordings each, and one without label.

    S001 is filmed in two views, S053 and S054 upright, the others turned.
    """
    names = list(_SIX.values())
    session = 0
    for rank, person in enumerate((1, 2, 28, 30, 33, 35, 44, 50, 53, 54)):
        for take in range(4 if rank == 9 else 3):
            session += 1
            number = (3 * rank + take) % 6
            clip = f'S{person:03d}-{take + 1:03d}'
            pictures = w.faces(rank, names[number], take)
            if person <= 2:
                pictures = np.concatenate((pictures[:, ::-1], pictures), 2)
            elif person < 53:
                # Turned to the left; clockwise makes it upright.
                pictures = np.rot90(pictures, axes=(1, 2))
            folder = f'Sessions/{session}'
            w.video(f'{folder}/{clip}.avi', np.ascontiguousarray(pictures))
            value = number + 1 if take < 3 else 9
            w.text(f'{folder}/{clip}.xml', [
                '<?xml version="1.0" encoding="UTF-8"?>', '<Recording>',
                f'  <Metatag Name="Recording" Value="{session}"/>',
                f'  <Metatag Name="Emotion" Value="{value}"/>',
                '</Recording>'])
            w.text(f'{folder}/session.xml', [
                '<?xml version="1.0" encoding="UTF-8"?>', '<session>',
                f'  <track filename="{clip}.avi" '
                f'view="{2 if person <= 2 else 0}"/>', '</session>'])
            if rank == 8:
                markers = ''.join(f'<Marker Frame="{f}"/>'
                                  for f in range(5, 10))
                w.text(f'{folder}/{clip}-oao_aucs.xml', [
                    '<Annotation>',
                    f'<ActionUnit Number="12">{markers}</ActionUnit>',
                    '<ActionUnit Number="6"><Marker Frame="8"/></ActionUnit>',
                    '</Annotation>'])
    if archive:
        w.archive('Sessions')


def _oulu_casia(w: ReleaseWriter, source: str = 'original',
                camera: str = 'VL', light: str = 'Strong',
                archive: bool = False, **_) -> None:
    top = {'original': f'OriginalImg/{camera}',
           'cropped': f'PreProcess Img/{camera}_Acropped'}[source]
    for person in range(1, 11):
        for word, label in _SIX.items():
            w.pictures(f'{top}/{light}/P{person:03d}/{word}',
                       w.faces(person, label), lambda i: f'{i:03d}.jpeg')
    if archive:
        w.archive(f'{top}/{light}')


def _crema_d(w: ReleaseWriter, archive: bool = False,
             pointers: bool = False, **_) -> None:
    """Five actors; ``pointers`` writes what git keeps in place of a file."""
    codes = {'ANG': 'angry', 'DIS': 'disgust', 'FEA': 'fear', 'HAP': 'happy',
             'NEU': 'neutral', 'SAD': 'sad'}
    votes = ['"","FileName","VoiceVote","FaceVote"']
    for actor in range(1001, 1006):
        for number, (code, label) in enumerate(codes.items()):
            level = 'HI' if number == 0 else 'XX'
            clip = f'{actor}_DFA_{code}_{level}'
            if pointers:
                w.text(f'VideoFlash/{clip}.flv', [
                    'version https://git-lfs.github.com/spec/v1',
                    f'oid sha256:{actor:064d}', 'size 300000'])
            else:
                w.video(f'VideoFlash/{clip}.flv', w.faces(actor, label))
            vote = 'A:D' if code == 'ANG' else code[0]
            votes.append(f'"1","{clip}","{code[0]}","{vote}"')
    w.text('VideoDemographics.csv', [
        'ActorID,Age,Sex,Race,Ethnicity', '1001,51,Male,Caucasian,'
        'Not Hispanic', '1002,21,Female,Caucasian,Not Hispanic',
        '1003,21,Female,Caucasian,Not Hispanic',
        '1004,42,Female,Caucasian,Not Hispanic',
        '1005,29,Male,African American,Not Hispanic'])
    w.text('processedResults/summaryTable.csv', votes)
    if archive:
        w.archive('VideoFlash')


def _ravdess(w: ReleaseWriter, archive: bool = False, modality: str = '02',
             **_) -> None:
    """Six actors, four of the eight expressions each."""
    names = ('neutral', 'calm', 'happy', 'sad', 'angry', 'fear', 'disgust',
             'surprise')
    for actor in range(1, 7):
        folder = f'Actor_{actor:02d}'
        for take in range(4):
            number = (4 * actor + take) % 8
            clip = f'{modality}-01-{number + 1:02d}-01-01-01-{actor:02d}'
            w.video(f'{folder}/{clip}.mp4', w.faces(actor, names[number]))
        if archive:
            w.archive(folder, f'Video_Speech_Actor_{actor:02d}.zip')


def _enterface05(w: ReleaseWriter, archive: bool = False, **_) -> None:
    """Five persons; the last one has no folders for sentences."""
    for person in range(1, 6):
        for word, label in _SIX.items():
            folder = f'subject {person}/{word.lower()}'
            if person < 5:
                folder += '/sentence 1'
            w.video(f'{folder}/s{person}_{word[:2].lower()}_1.avi',
                    w.faces(person, label))
        if archive:
            w.archive(f'subject {person}')


def _casme2(w: ReleaseWriter, source: str = 'raw', sheet: str = '.xlsx',
            archive: bool = False, **_) -> None:
    """Three persons; of each recording three pictures are before the onset."""
    names = ('happiness', 'disgust', 'repression', 'surprise', 'sadness',
             'fear', 'others')
    labels = ('happy', 'disgust', 'repression', 'surprise', 'sad', 'fear',
              'others')
    top = {'raw': 'CASME2_RAW_selected', 'cropped': 'Cropped'}[source]
    prefix = 'reg_img' if source == 'cropped' else 'img'
    rows = [['Subject', 'Filename', None, 'OnsetFrame', 'ApexFrame',
             'OffsetFrame', None, 'Action Units', 'Estimated Emotion']]
    for person in range(1, 4):
        for number, word in enumerate(names):
            clip = f'EP{number + 2:02d}_{person:02d}f'
            first = 96 + number  # From two to three digits on the way.
            w.pictures(f'{top}/sub{person:02d}/{clip}',
                       w.faces(person, labels[number]),
                       lambda i: f'{prefix}{first + i}.jpg')
            # One cell of the real sheet holds a stroke.
            apex = '/' if (person, number) == (3, 6) else first + 6
            rows.append([person, clip, None, first + 3, apex,
                         first + w.frames - 2, None, 'L4+R4', word])
    w.sheet('CASME2-coding-20140508', rows, sheet)
    if archive:
        w.archive(top)


def _samm(w: ReleaseWriter, source: str = 'folder', sheet: str = '.xlsx',
          archive: bool = False, **_) -> None:
    """Three persons; 13 rows stand above the header of the sheet."""
    names = ('Anger', 'Contempt', 'Disgust', 'Fear', 'Happiness', 'Sadness',
             'Surprise', 'Other')
    labels = ('angry', 'contempt', 'disgust', 'fear', 'happy', 'sad',
              'surprise', 'others')
    top = {'folder': '', 'raw': 'SAMM/', 'cropped': 'SAMM_CROP/'}[source]
    rows = [['SAMM Micro-movement FACS codes']] + [
        [f'Note {i}: how the columns are to be read'] for i in range(1, 13)]
    rows.append(['Subject', 'Filename', 'Inducement Code', 'Onset Frame',
                 'Apex Frame', 'Offset Frame', 'Duration', 'Micro',
                 'Action Units', 'Estimated Emotion', 'Objective Classes'])
    for person in (6, 7, 10):
        for number, word in enumerate(names):
            who = f'{person:03d}'
            clip, first = f'{who}_{number + 1}_2', 5562
            w.pictures(f'{top}{who}/{clip}', w.faces(person, labels[number]),
                       lambda i: f'{who}_{first + i:05d}.jpg')
            rows.append([person, clip, number + 1, first, first + 5,
                         first + w.frames - 1, w.frames, 'Micro 1/2', '4',
                         word, 'I'])
    w.sheet('SAMM_Micro_FACS_Codes_v2', rows, sheet)
    if archive:
        w.archive(top.rstrip('/'))


#: Functions that write a release, by name of the adapter.
RELEASES: Dict[str, Callable] = {
    'dfew': _dfew, 'ferv39k': _ferv39k, 'mafw': _mafw, 'afew': _afew,
    'ckplus': _ckplus, 'mmi': _mmi, 'oulu-casia': _oulu_casia,
    'crema-d': _crema_d, 'ravdess': _ravdess, 'enterface05': _enterface05,
    'casme2': _casme2, 'samm': _samm
}
