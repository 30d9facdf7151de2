# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Test a model of one data set on another one.

Classes meet by name (:mod:`mmfer.datasets.class_names`). Only classes that
both sets have take part: clips of other classes are left out, and the scores
of other classes are masked, so that the model chooses among the shared ones.
"""
import copy
import os.path as osp
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint

from mmfer.datasets.class_names import common_name, match_classes
from mmfer.evaluation.protocol import (UNKNOWN, coding_fields,
                                       protocol_fields)
from mmfer.evaluation.report import Run, summarise
from mmfer.evaluation.report_text import format_confusion_markdown, percent
from mmfer.registry import MODELS
from .features import extract_features
from .fold_config import build_without_pictures, loader_datasets


class CrossDatasetError(ValueError):
    """Source and target do not fit; one line for the user."""


class Source:
    """A trained model and what is known about its training.

    Args:
        cfg (Config): Its config.
        checkpoint (str): Its weights.
        device (str): Where it runs. Defaults to 'cpu'.

    Raises:
        CrossDatasetError: The names of its classes are not known.
    """

    def __init__(self, cfg, checkpoint: str, device: str = 'cpu') -> None:
        init_default_scope('mmaction')
        self.cfg = cfg
        self.model = MODELS.build(cfg.model)
        loaded = load_checkpoint(self.model, checkpoint, map_location='cpu',
                                 strict=True)
        self.model.to(device).eval()
        self.meta = dict(loaded.get('meta') or {})
        self.metainfo = dict(self.meta.get('dataset_meta') or {})
        self.classes = self._classes(checkpoint)
        if not self.metainfo.get('classes'):
            self.metainfo['classes'] = self.classes

    def _classes(self, checkpoint: str) -> List[str]:
        """Read the class order the model was trained with."""
        names = self.metainfo.get('classes')
        if not names:
            # Not from mmengine's training: the config has to tell.
            found = loader_datasets(self.cfg, 'test_dataloader')
            try:
                names = build_without_pictures(found[0][1]).metainfo['classes']
            except (IndexError, FileNotFoundError):
                raise CrossDatasetError(
                    f'{checkpoint}: the checkpoint does not name its classes '
                    'and the data of the config are not there; a number '
                    'alone does not say which expression it means') from None
        count = self.model.cls_head.num_classes
        if len(names) != count:
            raise CrossDatasetError(
                f'{checkpoint}: {count} outputs, but the classes '
                f'{", ".join(names)}')
        return list(names)

    @property
    def name(self) -> str:
        """Name of the data set that the model was trained on."""
        return str(self.metainfo.get('title') or
                   self.metainfo.get('dataset') or 'source')


def evaluate_on(source: Source,
                annotations: str,
                split: Optional[str] = None,
                fold: Optional[int] = None,
                bootstrap: int = 1000,
                progress: bool = True) -> Dict[str, Any]:
    """Test a model on the clips of another data set.

    Args:
        source (Source): The model.
        annotations (str): Annotation file of the target.
        split (str, optional): Split of the target. Defaults to None, all
            clips: none of them was trained with.
        fold (int, optional): Fold of the target. Defaults to None.
        bootstrap (int): Samples for intervals. Defaults to 1000.
        progress (bool): Whether to show progress. Defaults to True.

    Returns:
        dict: Of plain types: ``source, target, clips, left_out`` (clips of
        other classes), ``classes`` (shared ones, in the order of the source),
        ``only_source``, ``only_target``, ``masked`` (share of clips for
        which the best score was that of an absent class), ``summary`` (see
        :func:`mmfer.evaluation.report.summarise`), ``protocol`` and
        ``notes``.

    Raises:
        CrossDatasetError: Fewer than two classes are shared.
    """
    loader = _loader(source.cfg, annotations, split, fold)
    dataset = loader.dataset
    target_classes = list(dataset.metainfo['classes'])
    pairs = match_classes(source.classes, target_classes)
    if len(pairs) < 2:
        raise CrossDatasetError(
            f'{annotations}: {len(pairs)} of its classes '
            f'({", ".join(target_classes)}) are known to the model '
            f'({", ".join(source.classes)}): nothing to choose between')
    positions = {target: number for number, (_, target) in enumerate(pairs)}
    labels = [dataset.get_data_info(i)['label'] for i in range(len(dataset))]
    kept = [i for i, label in enumerate(labels) if label in positions]
    if not kept:
        raise CrossDatasetError(
            f'{annotations}: no clip of the chosen part is of a shared class')
    dataset.get_subset_(kept)
    said = extract_features(source.model, loader, progress=progress)
    columns = [place for place, _ in pairs]
    names = [common_name(source.classes[place]) for place in columns]
    persons = [name or None for name in said.subjects.tolist()]
    run = Run(split or (f'fold {fold}' if fold else 'all clips'), 0,
              np.array([positions[label] for label in said.labels.tolist()]),
              said.scores[:, columns].argmax(axis=1), said.paths.tolist(),
              persons)
    best = said.scores.argmax(axis=1)
    matched = {place for place, _ in pairs}, {place for _, place in pairs}
    target = dict(dataset.metainfo)
    return dict(
        source=source.name,
        target=str(target.get('title') or target.get('dataset') or
                   annotations),
        annotations=annotations, part=run.fold, clips=len(kept),
        left_out=len(labels) - len(kept), classes=names,
        only_source=_others(source.classes, matched[0]),
        only_target=_others(target_classes, matched[1]),
        masked=float(np.isin(best, columns, invert=True).mean()),
        summary=summarise([run], names, bootstrap=bootstrap),
        protocol=_protocol(source, target),
        notes=_notes(source, target, annotations))


def _loader(cfg, annotations: str, split: Optional[str],
            fold: Optional[int]):
    """The test loader of the source with the clips of the target."""
    loader = copy.deepcopy(cfg.test_dataloader)
    found = loader_datasets(dict(test_dataloader=loader), 'test_dataloader')
    if not found:
        raise CrossDatasetError('the config has no annotated test data whose '
                                'pipeline could be used')
    loader.dataset = dict(
        type='mmfer.FERDataset', ann_file=osp.abspath(annotations),
        pipeline=found[0][1]['pipeline'], split=split, fold=fold,
        test_mode=True)
    loader.sampler = dict(type='DefaultSampler', shuffle=False)
    loader.pop('batch_sampler', None)
    return Runner.build_dataloader(loader)


def _others(names: Sequence[str], matched: set) -> List[str]:
    return [name for place, name in enumerate(names) if place not in matched]


def _protocol(source: Source, target: Mapping[str, Any]) -> Dict[str, str]:
    fields = protocol_fields(source.cfg, source.metainfo)
    # What the config plans need not be what was trained.
    fields['epochs'] = str(source.meta.get('epoch', UNKNOWN))
    return dict(
        {key: value for key, value in fields.items() if key != 'classes'},
        **{f'target {key}': value
           for key, value in coding_fields(target).items()})


def _notes(source: Source, target: Mapping[str, Any],
           annotations: str) -> List[str]:
    """Say what a reader might not expect."""
    notes = []
    trained, tested = coding_fields(source.metainfo), coding_fields(target)
    differing = [f'{key}: {trained[key]} -> {tested[key]}'
                 for key in trained if trained[key] != tested[key]]
    if differing:
        notes.append(
            'source and target are coded or cropped differently '
            f'({"; ".join(differing)}): part of the gap may be the codec; '
            'prepare both alike')
    protocol = source.meta.get('protocol') or {}
    same_file = protocol.get('ann_file') and osp.abspath(
        protocol['ann_file']) == osp.abspath(annotations)
    same_name = target.get('dataset') and \
        target['dataset'] == source.metainfo.get('dataset')
    if same_file or same_name:
        notes.append('the target is the data set that the model was trained '
                     'on: this is not a cross-dataset result')
    return notes


def format_cross(results: Sequence[Mapping[str, Any]]) -> str:
    """Write results as Markdown.

    Args:
        results (Sequence[Mapping]): From :func:`evaluate_on`.

    Returns:
        str: A table of all, then each with its shared classes.
    """
    lines = ['| source -> target | UAR % | WAR % | macro F1 % | '
             '95 % of UAR over clips | classes | clips |',
             '|---|---|---|---|---|---|---|']
    for result in results:
        mean = result['summary']['mean']
        span = result['summary']['intervals'].get('UAR')
        lines.append(
            f'| {result["source"]} -> {result["target"]} ({result["part"]}) | '
            f'{percent(mean["UAR"])} | {percent(mean["WAR"])} | '
            f'{percent(mean["macro_F1"])} | '
            + (f'{percent(span[0])} - {percent(span[1])}' if span else '-')
            + f' | {len(result["classes"])} | {result["clips"]} |')
    for result in results:
        lines += [
            '', f'## {result["source"]} -> {result["target"]}', '',
            f'Shared classes: {", ".join(result["classes"])}. Only the '
            f'source has {", ".join(result["only_source"]) or "none"} '
            '(scores masked; without the mask '
            f'{percent(result["masked"])} % of the clips would get one of '
            'them), only the target has '
            f'{", ".join(result["only_target"]) or "none"} '
            f'({result["left_out"]} clips left out).', ''
        ]
        lines += [f'Note: {note}.' for note in result['notes']]
        lines += [''] if result['notes'] else []
        lines += format_confusion_markdown(
            result['summary']['pooled']['confusion'], result['classes'])
        lines += ['', '| field | value |', '|---|---|']
        lines += [f'| {name} | {value} |'
                  for name, value in result['protocol'].items()]
    return '\n'.join(lines) + '\n'
