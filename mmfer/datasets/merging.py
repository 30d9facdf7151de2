# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""One data set made of several: more persons to learn from.

Clips stay where they are; the new annotation file points to them.
"""
import os
import os.path as osp
from collections import Counter
from typing import Any, Collection, Dict, List, Mapping

from mmfer.atomic import write_json
from .annotations import AnnotationError, read_annotations


def merge_annotations(sources: Mapping[str, str],
                      out: str,
                      train_only: Collection[str] = ()) -> Counter:
    """Write an annotation file with the clips of several.

    Persons are told apart by the name of their source ('a/s01'), so equal
    numbers do not make two persons one; a person who takes part in several
    sources is *not* recognised. Classes go by name, in the order of the first
    source.

    Args:
        sources (Mapping[str, str]): Annotation files by a name for each.
        out (str): The new file, ``.json``; replaced if it exists. Paths of
            clips in it are relative to its folder.
        train_only (Collection[str]): Sources all of whose clips are put into
            the split 'train' and into no fold, and are trained with in every
            fold. Defaults to none: splits and folds are kept.

    Returns:
        Counter: Number of clips by split.

    Raises:
        FileNotFoundError: A file does not exist.
        AnnotationError: A file cannot be understood, or the sources disagree
            about the classes.
        ValueError: Fewer than two sources, or a name that is unknown or holds
            a slash.
    """
    if len(sources) < 2:
        raise ValueError('at least two data sets are merged')
    unknown = sorted(set(train_only) - set(sources))
    if unknown:
        raise ValueError(f'no source is called {", ".join(unknown)}; there '
                         f'are {", ".join(sources)}')
    if any('/' in name for name in sources):
        raise ValueError('a source has no / in its name, which divides it '
                         f'from its persons: {", ".join(sources)}')
    if not out.endswith('.json'):
        raise ValueError(f'{out}: an annotation file ends in .json')
    classes: List[str] = []
    clips: List[Dict[str, Any]] = []
    codings: List[Any] = []
    # Where links lead: `..` steps out of what they lead to.
    folder = osp.realpath(osp.dirname(osp.abspath(out)))
    for name, path in sources.items():
        metainfo, found = read_annotations(path)
        classes = classes or list(metainfo['classes'])
        if set(metainfo['classes']) != set(classes):
            different = set(metainfo['classes']) ^ set(classes)
            raise AnnotationError(
                f'{path}: has not the classes of the first data set; '
                f'different: {", ".join(sorted(different))}. Rename or leave '
                'them out when the data are prepared')
        codings.append(metainfo.get('coding'))
        origin = osp.realpath(osp.dirname(osp.abspath(path)))
        clips += [_moved(clip, name, origin, folder, name in train_only)
                  for clip in found]
    metainfo = dict(dataset='+'.join(sources), classes=classes)
    if all(coding == codings[0] for coding in codings) and codings[0]:
        metainfo['coding'] = codings[0]
    write_json(out, dict(metainfo=metainfo, clips=clips), ensure_ascii=False)
    return Counter(clip.get('split', 'none') for clip in clips)


def _moved(clip: Dict[str, Any], name: str, origin: str, folder: str,
           train: bool) -> Dict[str, Any]:
    """Let a clip be found from another folder, with its person's new name."""
    clip = dict(clip)
    path = clip['path']
    if '://' not in path:
        # A drive of its own has no relative path (ValueError on Windows).
        path = osp.join(origin, path)
        try:
            path = osp.relpath(path, folder)
        except ValueError:
            pass
        clip['path'] = path.replace(os.sep, '/')
    if clip.get('subject') is not None:
        clip['subject'] = f'{name}/{clip["subject"]}'
    if train:
        clip.update(split='train', train_only=True)
        clip.pop('fold', None)
    return clip
