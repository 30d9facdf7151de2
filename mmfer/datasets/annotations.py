# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The annotation file: which clip shows which expression of whom.

JSON::

    {"metainfo": {"dataset": "my-set", "classes": ["happy", "sad"]},
     "clips": [{"path": "clips/a.mp4", "label": "happy", "subject": "anna",
                "split": "train", "fold": 1, "apex": 20}]}

or CSV with a header line and the columns ``path, label`` and, as far as they
are known, ``subject, split, fold, apex, train_only``. A label is the *name* of a class:
published lists number the same seven expressions in many orders, so a number
would be understood wrongly without anybody noticing. Clips that are
``train_only`` (true or false) are trained with in every fold and never tested.
"""
import csv
import io
import json
import re
from typing import Any, Dict, List, Optional, Tuple

from mmengine.fileio import exists, get_text

_FLAGS = {'true': True, '1': True, '1.0': True,
          'false': False, '0': False, '0.0': False}
#: Columns that hold numbers, in the order in which messages list them.
INTEGERS = ('fold', 'apex', 'onset', 'offset')
# Tables with empty cells are often written with all numbers as 3.0.
_WHOLE = re.compile(r'([+-]?[0-9]+)(?:\.0*)?')
_NUMBER = re.compile(r'[+-]?[0-9]+(?:[.,][0-9]*)?')


class AnnotationError(ValueError):
    """An annotation file that does not say what it should."""


def read_annotations(path: str,
                     backend_args: Optional[dict] = None
                     ) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
    """Read an annotation file.

    Args:
        path (str): A ``.json`` or ``.csv`` file.
        backend_args (dict, optional): Storage of the file, as in
            ``mmengine.fileio``. Defaults to None, the local disk.

    Returns:
        tuple: ``metainfo`` (dict) with at least ``classes`` (list of str), and
        the clips, a list of dict with ``path`` and ``label`` (str), the other
        columns as far as they are given; those that hold numbers as int,
        ``subject`` as str.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: The file cannot be understood; the message says which
            clip and what is wrong.
    """
    if not exists(path, backend_args=backend_args):
        raise FileNotFoundError(
            f'{path}: no such annotation file; set `data_root` and `ann_file` '
            'of the data set, or make the file first')
    try:
        text = get_text(path, backend_args=backend_args)
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'{path}: is not written in UTF-8 ({error.reason} at byte '
            f'{error.start}); save it as "CSV UTF-8"') from None
    # A byte order mark, as spreadsheets write it, is not part of a name.
    text = text.lstrip('\ufeff')
    suffix = str(path).rsplit('.', 1)[-1].lower()
    if suffix == 'json':
        metainfo, clips = _from_json(path, text)
    elif suffix == 'csv':
        metainfo, clips = _from_csv(path, text)
    else:
        raise AnnotationError(
            f'{path}: an annotation file ends in .json or .csv')
    for number, clip in enumerate(clips):
        _check_clip(path, number, clip)
    if not metainfo.get('classes'):
        # Taken over the whole file, before any split is chosen, so that
        # training and test agree even if a class is absent from one of them.
        metainfo['classes'] = sorted({clip['label'] for clip in clips})
    return metainfo, clips


def fold_clips(clips: List[Dict[str, Any]], fold: int,
               role: str) -> List[Dict[str, Any]]:
    """Choose the clips of a fold of a cross-validation.

    Args:
        clips (list[dict]): As :func:`read_annotations` returns them. Those
            without a fold take no part unless they are ``train_only``.
        fold (int): The fold that is tested.
        role (str): 'test' for its clips, 'train' for those of all others.

    Returns:
        list[dict]: Of these, none if nothing is tested.
    """
    tested = [clip for clip in clips if clip.get('fold') == fold
              and not clip.get('train_only')]
    if role == 'test' or not tested:
        return tested
    return [clip for clip in clips if clip.get('train_only')
            or clip.get('fold', fold) != fold]


def _from_json(path: str, text: str) -> Tuple[dict, list]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(f'{path}: not a JSON file ({error})') from None
    if not isinstance(content, dict) or 'clips' not in content:
        raise AnnotationError(
            f'{path}: expected an object with "metainfo" and "clips"')
    if not isinstance(content['clips'], list):
        raise AnnotationError(f'{path}: "clips" is not a list')
    return dict(content.get('metainfo') or {}), content['clips']


def _from_csv(path: str, text: str) -> Tuple[dict, list]:
    reader = csv.DictReader(io.StringIO(text))
    found = [(name or '').strip() for name in reader.fieldnames or ()]
    reader.fieldnames = found
    missing = {'path', 'label'} - set(found)
    if missing:
        raise AnnotationError(
            f'{path}: column {", ".join(sorted(missing))} is missing; the '
            'first line names the columns, divided by commas: '
            'path,label,subject,split,fold,apex; found were: '
            f'{" | ".join(found) or "none"}')
    clips = []
    for row in reader:
        # An empty cell means "not known"; None is the rest of a long line.
        cells = {name: value.strip() for name, value in row.items()
                 if name is not None and value and value.strip()}
        # Spreadsheets write lines of nothing but commas.
        if cells:
            clips.append(cells)
    return {}, clips


def _check_clip(path: str, number: int, clip: Any) -> None:
    if not isinstance(clip, dict):
        raise AnnotationError(f'{path}: clip {number} is not an object')
    for key in ('path', 'label'):
        if not isinstance(clip.get(key), str) or not clip[key]:
            raise AnnotationError(
                f'{path}: clip {number} has no {key}; a label is the name of '
                'a class, not a number')
    if _NUMBER.fullmatch(clip['label']):
        raise AnnotationError(
            f'{path}: clip {number} ({clip["path"]}) has the label '
            f'{clip["label"]}; a label is the name of a class, not a number')
    if clip.get('subject') in (None, ''):
        clip.pop('subject', None)
    else:
        clip['subject'] = str(clip['subject'])
    if clip.get('train_only') in (None, ''):
        clip.pop('train_only', None)
    else:
        flag = str(clip['train_only']).lower()
        if flag not in _FLAGS:
            raise AnnotationError(
                f'{path}: clip {number} ({clip["path"]}): train_only is '
                f'{clip["train_only"]!r}, not true or false')
        clip['train_only'] = _FLAGS[flag]
    for key in INTEGERS:
        if clip.get(key) is None:
            clip.pop(key, None)
            continue
        found = _WHOLE.fullmatch(str(clip[key]))
        if not found:
            raise AnnotationError(
                f'{path}: clip {number} ({clip["path"]}): {key} is '
                f'{clip[key]!r}, not a whole number')
        clip[key] = int(found[1])
