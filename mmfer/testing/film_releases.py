# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny trees of the data sets that were cut from films."""
from typing import Dict

from .release_writer import ReleaseWriter

_DFEW = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
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


def write_dfew(w: ReleaseWriter, source: str = 'faces',
               lists: str = 'official', archive: bool = False, **_) -> None:
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


def write_ferv39k(w: ReleaseWriter, lists: str = 'official',
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


def write_mafw(w: ReleaseWriter, source: str = 'clips',
               lists: str = 'no_caption', archive: bool = False, **_) -> None:
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


def write_afew(w: ReleaseWriter, source: str = 'videos', archive: bool = False,
               **_) -> None:
    """Two clips to train and one to validate of each class."""
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
