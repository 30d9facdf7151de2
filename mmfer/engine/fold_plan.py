# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which folds a cross-validation of a config consists of."""
import copy
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from mmfer.atomic import write_json
from mmfer.datasets import read_annotations
from mmfer.datasets.folds import protocol_folds
from .fold_config import (LOADERS, FoldError, annotation_path,
                          build_without_pictures, check_folds, clip_files,
                          loader_datasets, set_fold)


@dataclass
class FoldPlan:
    """What is to be trained and tested.

    Args:
        folds (list): Chosen folds; [None] if the config uses one split.
        protocol_folds (list): All folds of the protocol.
        split (str): Name of the tested split, without folds.
        classes (list[str]): Names of the classes, in the model's order.
        metainfo (dict): Of the annotation file.
        leave_one_out (bool): Whether each fold is one person.
        selection (str | None): What the best validation selects by:
            'best_on_val', 'best_on_test', or None without validation.
        persons (str): What is known about persons in training and test.
        annotations (str | None): Annotation file that was made for folds
            which the data set does not have itself.
        digest (str): Of the content of the annotation file.
        subjects (dict[str, int]): Fold of each person, if every person is
            known and in one fold only.
    """

    folds: List[Optional[int]]
    protocol_folds: List[Optional[int]]
    split: str
    classes: List[str]
    metainfo: Dict[str, Any]
    leave_one_out: bool
    selection: Optional[str]
    persons: str
    annotations: Optional[str] = None
    digest: str = ''
    subjects: Dict[str, int] = field(default_factory=dict)

    def apply(self, cfg, fold: Optional[int]) -> None:
        """Let a config use a fold.

        Args:
            cfg (Config): Modified.
            fold (int, optional): One of ``folds``.
        """
        if fold is not None:
            set_fold(cfg, fold, self.annotations)


def plan_folds(cfg, wanted: Optional[Sequence[str]],
               work_dir: Path) -> FoldPlan:
    """Find out what the folds of a config are.

    Args:
        cfg (Config): As read.
        wanted (Sequence[str], optional): Numbers of folds; or ['all']; or
            the name of a protocol by person, ['loso'], ['10-fold'],
            ['10-fold-contiguous'], for data without folds of their own.
            Defaults to None: all folds if the config names a fold, else the
            split of the config.
        work_dir (Path): For the annotation file of a protocol by person.

    Returns:
        FoldPlan: The plan.

    Raises:
        FoldError: There is no such fold, or the data have none.
    """
    check_folds(cfg)
    found = loader_datasets(cfg, 'test_dataloader')
    if len(found) != 1:
        raise FoldError(
            f'the test data of the config are {len(found)} annotated data '
            'sets; folds are those of one')
    config = found[0][1]
    dataset = build_without_pictures(config, split=None, fold=None,
                                     fold_role=None, test_mode=None)
    clips = [dataset.get_data_info(i) for i in range(len(dataset))]
    source = annotation_path(config)
    wanted = list(wanted or [])
    annotations = None
    metainfo = dict(dataset.metainfo)
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    if len(wanted) == 1 and wanted[0] != 'all' and not wanted[0].isdigit():
        annotations, folds = _folds_by_person(
            source, clips, wanted[0], work_dir)
        metainfo['protocol'] = wanted[0]
        for clip in clips:
            clip.pop('fold', None)
            if not clip.get('train_only'):
                clip['fold'] = folds[clip['subject']]
        wanted = ['all']
    uses_folds = bool(wanted) or any(
        d.get('fold') is not None
        for loader in LOADERS for _, d in loader_datasets(cfg, loader))
    if not uses_folds:
        return FoldPlan(
            [None], [None], config.get('split') or 'all clips',
            list(metainfo['classes']), metainfo, False,
            _selection(cfg), _persons(clips, 'split'), digest=digest)
    there = sorted({clip['fold'] for clip in clips
                    if 'fold' in clip and not clip.get('train_only')})
    plan = FoldPlan(
        _chosen(wanted, there, source), list(there), '',
        list(metainfo['classes']), metainfo, _one_person_each(clips, there),
        None, _persons(clips, 'fold'), annotations, digest)
    plan.subjects = _fold_of_persons(clips)
    first = copy.deepcopy(cfg)
    plan.apply(first, plan.folds[0])
    plan.selection = _selection(first)
    return plan


def _folds_by_person(source: str, clips: List[dict], protocol: str,
                     work_dir: Path):
    """Write the annotations again, with folds."""
    try:
        folds = protocol_folds((c.get('subject') for c in clips
                                if not c.get('train_only')), protocol)
    except ValueError as error:
        raise FoldError(f'{source}: {error}') from None
    metainfo, entries = read_annotations(source)
    metainfo['protocol'] = protocol
    for entry in entries:
        entry.pop('fold', None)
        if entry.get('subject') in folds and not entry.get('train_only'):
            entry['fold'] = folds[entry['subject']]
    path = Path(work_dir) / f'annotations-{protocol}.json'
    write_json(path, dict(metainfo=metainfo, clips=entries), indent=None,
               ensure_ascii=False)
    return str(path), folds


def _chosen(wanted: List[str], there: List[int], source: str) -> List[int]:
    if not there:
        raise FoldError(
            f'{source}: its clips have no folds; ask for a protocol by '
            'person (`--folds loso`, `--folds 5-fold`), or leave `--folds` '
            'out to use the split')
    if wanted in ([], ['all']):
        return list(there)
    if not all(name.isdigit() for name in wanted):
        raise FoldError(
            f'folds {" ".join(wanted)}: give numbers, or all, or one '
            "protocol such as loso or 10-fold")
    folds = list(dict.fromkeys(map(int, wanted)))
    unknown = [fold for fold in folds if fold not in there]
    if unknown:
        raise FoldError(f'{source}: no fold {", ".join(map(str, unknown))}; '
                        f'there are {", ".join(map(str, there))}')
    return folds


def _one_person_each(clips: List[dict], folds: List[int]) -> bool:
    persons = defaultdict(set)
    for clip in clips:
        if 'fold' in clip and not clip.get('train_only'):
            persons[clip['fold']].add(clip.get('subject'))
    return len(folds) > 1 and all(
        len(names) == 1 and None not in names for names in persons.values())


def _persons(clips: List[dict], key: str) -> str:
    """Say whether persons are trained and tested at once."""
    parts = defaultdict(set)
    for clip in clips:
        if clip.get('subject') is None:
            return 'not known'
        if key == 'fold' and clip.get('train_only'):
            parts[clip['subject']].add('train_only')
        elif key in clip:
            parts[clip['subject']].add(clip[key])
    several = sum(len(places) > 1 for places in parts.values())
    if not several:
        return f'{len(parts)}, each in one {key} only'
    return f'{len(parts)}, of whom {several} are in several {key}s: they ' \
        'are trained and tested'


def _fold_of_persons(clips: List[dict]) -> Dict[str, int]:
    """Fold of each person, or nothing if that is not defined."""
    folds: Dict[str, int] = {}
    for clip in clips:
        person = clip.get('subject')
        if clip.get('train_only'):
            continue
        if person is None or 'fold' not in clip or folds.setdefault(
                person, clip['fold']) != clip['fold']:
            return {}
    return folds


def _selection(cfg) -> Optional[str]:
    checkpoint = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if not cfg.get('val_dataloader') or not checkpoint.get('save_best'):
        return None
    both = clip_files(cfg, 'val_dataloader') & clip_files(
        cfg, 'test_dataloader')
    return 'best_on_test' if both else 'best_on_val'
