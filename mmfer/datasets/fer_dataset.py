# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A data set of clips, each labelled with the name of an expression."""
import errno
import os
import os.path as osp
from collections import Counter
from contextlib import nullcontext
from typing import (Callable, ContextManager, Dict, List, Optional, Sequence,
                    Tuple, Union)

import torch
from mmaction.datasets import BaseActionDataset
from mmengine.utils import is_abs

from mmfer.codec import CompressedVideoError
from mmfer.registry import DATASETS
from .annotations import AnnotationError, fold_clips, read_annotations
from .seeding import seeded


#: Errors that say nothing about the clip that was read.
_OF_THE_MACHINE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC,
                   errno.EDQUOT}


class UnreadableClip(RuntimeError):
    """A clip that could not be read; the message names the file."""


@DATASETS.register_module()
class FERDataset(BaseActionDataset):
    """Clips with expression labels from one annotation file.

    The file holds all splits and folds (see :mod:`mmfer.datasets.annotations`)
    and this class picks one of them by name. Each sample starts as a dict with
    ``path`` (exactly as in the file; the key of what is stored per clip),
    ``filename``, ``label`` (int, the position of its class in ``classes``),
    ``label_name`` and whatever else the annotation says: ``subject``,
    ``split``, ``fold``, ``apex``, ...

    A clip that cannot be read is replaced by another one in training, counted
    per clip across all worker processes, and reported by
    :class:`mmfer.UnreadableClipsHook`. In test it raises with its name.

    Args:
        ann_file (str): Annotation file, JSON or CSV, relative to ``data_root``.
        pipeline (list): Transforms.
        data_root (str): Folder of ``ann_file`` and ``data_prefix``.
            Defaults to ''.
        data_prefix (dict | str, optional): Folder of the clips, as
            ``dict(video=...)`` or a string. Defaults to None: the clips lie
            relative to the annotation file.
        split (str, optional): Take the clips of this split, for example
            'train', 'val' or 'test'. Defaults to None, all.
        fold (int, optional): Cross-validation: the fold that is tested.
            Excludes ``split``. Defaults to None.
        fold_role (str): With ``fold``: 'test' takes its clips, 'train' those
            of all other folds and those that are ``train_only``. Defaults to 'train', or to 'test' in test mode.
        classes (Sequence[str], optional): Names of the classes to keep, in
            this order; other clips are left out. Defaults to None, all.
        label_map (dict, optional): New name of a label, applied before
            ``classes``; None as new name leaves the clip out. Labels that are
            not mentioned keep theirs. Defaults to None.
        check_files (bool): Whether to look for every clip at the start; clips
            in remote storage are not looked for. Defaults to True.
        test_mode (bool): Whether an unreadable clip raises. Defaults to False.
        max_refetch (int): Attempts to find a readable clip in training.
            Defaults to 100.
        backend_args (dict, optional): Storage of the annotation file.
            Defaults to None.
        **kwargs: Arguments of mmaction2's ``BaseActionDataset``.

    Raises:
        FileNotFoundError: The annotation file or some clips are missing.
        AnnotationError: Unknown class or split names, or nothing is left.
    """

    METAINFO = dict(task_name='facial expression recognition')

    def __init__(self,
                 ann_file: str,
                 pipeline: List[Union[dict, Callable]],
                 data_root: str = '',
                 data_prefix: Union[dict, str, None] = None,
                 split: Optional[str] = None,
                 fold: Optional[int] = None,
                 fold_role: Optional[str] = None,
                 classes: Optional[Sequence[str]] = None,
                 label_map: Optional[Dict[str, Optional[str]]] = None,
                 check_files: bool = True,
                 test_mode: bool = False,
                 max_refetch: int = 100,
                 backend_args: Optional[dict] = None,
                 **kwargs) -> None:
        if split is not None and fold is not None:
            raise ValueError('give `split` or `fold`, not both')
        if fold_role not in (None, 'train', 'test'):
            raise ValueError(
                f"`fold_role` is 'train' or 'test', got {fold_role!r}")
        if fold_role is not None and fold is None:
            raise ValueError('`fold_role` needs a `fold`')
        if isinstance(data_prefix, str):
            data_prefix = dict(video=data_prefix)
        self.split = split
        self.fold = fold
        self.fold_role = fold_role or ('test' if test_mode else 'train')
        self.classes = None if classes is None else list(classes)
        self.label_map = dict(label_map or {})
        self.check_files = check_files
        self.backend_args = backend_args
        super().__init__(
            ann_file,
            pipeline=pipeline,
            data_root=data_root,
            data_prefix=dict(data_prefix or {}),
            test_mode=test_mode,
            max_refetch=max_refetch,
            **kwargs)

    def full_init(self) -> None:
        """Read the annotation file and prepare the shared error counts."""
        if self._fully_initialized:
            return
        super().full_init()
        self._share_failures()

    def _share_failures(self) -> None:
        # One count per clip, in shared memory: worker processes write, the
        # process that owns the hook reads.
        self._failures = torch.zeros(
            len(self), dtype=torch.int32).share_memory_()
        # Seed and epoch, or -1: also shared, as workers outlive an epoch.
        self._moment = torch.full((2, ), -1).share_memory_()
        self._visits = torch.zeros(
            len(self), dtype=torch.int32).share_memory_()

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Fix what is random about the samples of an epoch.

        From then on the random parts of the pipeline depend on the seed, the
        epoch, the position of the clip and how often it was asked for in this
        epoch: not on the number of worker processes, nor on whether the
        training was interrupted. (Several workers may take the repetitions of
        a clip that a sampler repeats in another order.) Worker processes
        that run already take it up with their next sample.

        Args:
            seed (int): Not negative.
            epoch (int): Not negative.
        """
        self.full_init()
        self._moment[0], self._moment[1] = seed, epoch
        self._visits.zero_()

    def load_data_list(self) -> List[dict]:
        """Read and filter the annotations.

        Returns:
            list[dict]: One dict per clip, see the class.
        """
        metainfo, clips = read_annotations(self.ann_file, self.backend_args)
        clips = self._apply_labels(clips, metainfo)
        for key, value in metainfo.items():
            self._metainfo.setdefault(key, value)
        chosen = self._choose(clips)
        folder = self.data_prefix.get('video') or osp.dirname(self.ann_file)
        data_list = []
        for clip in chosen:
            info = dict(clip)
            path = info['path']
            name = info.pop('label')
            info['filename'] = path if is_abs(path) or '://' in path \
                else osp.join(folder, path)
            info['label'] = self._class_to_index[name]
            info['label_name'] = name
            data_list.append(info)
        if self.check_files:
            self._check_files([info['filename'] for info in data_list])
        return data_list

    def _apply_labels(self, clips: List[dict], metainfo: dict) -> List[dict]:
        """Rename labels, keep the wanted classes, fix the class order."""
        known = list(metainfo['classes'])
        unknown = set(self.label_map) - set(known)
        if unknown:
            raise AnnotationError(
                f'{self.ann_file}: `label_map` names {_listed(unknown)}; the '
                f'file has the classes {_listed(known)}')
        wrong = Counter(c['label'] for c in clips if c['label'] not in known)
        if wrong:
            raise AnnotationError(
                f'{self.ann_file}: {sum(wrong.values())} clips have a label '
                f'that is not among its classes: {_listed(wrong)}; the '
                f'classes are {_listed(known)}')
        mapped = [self.label_map.get(name, name) for name in known]
        # dict.fromkeys keeps the order of the file and drops repeats.
        available = [n for n in dict.fromkeys(mapped) if n is not None]
        if self.classes is None:
            classes = available
        else:
            unknown = [n for n in self.classes if n not in available]
            if unknown:
                raise AnnotationError(
                    f'{self.ann_file}: no class {_listed(unknown)}; there are '
                    f'{_listed(available)}')
            classes = self.classes
        self._class_to_index = {name: i for i, name in enumerate(classes)}
        metainfo['classes'] = tuple(classes)
        kept = []
        for clip in clips:
            name = self.label_map.get(clip['label'], clip['label'])
            if name in self._class_to_index:
                kept.append(dict(clip, label=name))
        return kept

    def _choose(self, clips: List[dict]) -> List[dict]:
        """Keep the clips of the asked split or fold."""
        if self.split is not None:
            key, wanted = 'split', f'split {self.split!r}'
            chosen = [c for c in clips if c.get('split') == self.split and
                      not (c.get('train_only') and self.split != 'train')]
        elif self.fold is not None:
            key = 'fold'
            wanted = f'fold {self.fold} ({self.fold_role})'
            chosen = fold_clips(clips, self.fold, self.fold_role)
        else:
            key, wanted, chosen = 'split', 'any split', clips
        if not chosen:
            there = Counter(str(c[key]) for c in clips if key in c)
            counts = ', '.join(f'{n} ({there[n]})' for n in sorted(there))
            raise AnnotationError(
                f'{self.ann_file}: no clip of {wanted} and classes '
                f'{_listed(self._class_to_index)}; the file has the {key}s: '
                f'{counts or "none"}')
        return chosen

    def _check_files(self, names: Sequence[str]) -> None:
        missing = [n for n in names if '://' not in n and not osp.isfile(n)]
        if missing:
            raise FileNotFoundError(
                f'{self.ann_file}: {len(missing)} of {len(names)} clips are '
                f'missing, the first: {_listed(missing)}; set `data_prefix` '
                'to the folder of the clips')

    def get_cat_ids(self, idx: int) -> List[int]:
        """Give the class of a clip, as ``ClassBalancedDataset`` asks for it.

        Args:
            idx (int): Position of the clip.

        Returns:
            list[int]: The index of its class.
        """
        return [self.get_data_info(idx)['label']]

    def prepare_data(self, idx: int) -> Optional[dict]:
        """Run the pipeline on a clip, or in training on one in its place.

        Which one takes the place of an unreadable clip is drawn like
        everything else about the sample, see :meth:`set_epoch`.

        Args:
            idx (int): Position of the clip.

        Returns:
            dict | None: The sample; None only in test mode, if the pipeline
            gives none.

        Raises:
            UnreadableClip: In test mode; or in training when no clip of the
                data set could be read.
            OSError: The machine lacks what reading takes: memory, room, or
                files that may be open at once.
        """
        with self._randomness(idx):
            data = self._read(idx)
            if self.test_mode:
                return data
            for _ in range(self.max_refetch):
                if data is not None:
                    return data
                data = self._read(self._rand_another())
        if data is None:
            raise UnreadableClip(
                f'{self.ann_file}: no sample in {self.max_refetch + 1} '
                'attempts: most clips cannot be read, or the pipeline gives '
                'none')
        return data

    def _read(self, idx: int) -> Optional[dict]:
        """Run the pipeline on a clip; None if it cannot be read."""
        try:
            return super().prepare_data(idx)
        except (CompressedVideoError, OSError) as error:
            if getattr(error, 'errno', None) in _OF_THE_MACHINE:
                raise
            name = os.fspath(self.get_data_info(idx)['filename'])
            reason = UnreadableClip(f'{name}: cannot be read: {error}')
            if self.test_mode:
                raise reason from error
            self._failures[idx] += 1
            if bool((self._failures > 0).all()):
                raise UnreadableClip(
                    f'{self.ann_file}: none of the {len(self)} clips can be '
                    f'read; {reason}') from error
        return None

    def _randomness(self, idx: int) -> ContextManager:
        seed, epoch = self._moment.tolist()
        if epoch < 0:
            return nullcontext()
        visit = int(self._visits[idx])
        self._visits[idx] += 1
        return seeded(seed, epoch, idx, visit)

    def take_failures(self) -> List[Tuple[str, int]]:
        """Give the clips that could not be read and forget them.

        Returns:
            list[tuple]: File name and number of failed attempts since the
            last call, summed over all worker processes.
        """
        failed = self._failures.nonzero().flatten().tolist()
        counts = [(self.get_data_info(i)['filename'], int(self._failures[i]))
                  for i in failed]
        self._failures.zero_()
        return counts

    def get_subset_(self, indices: Union[Sequence[int], int]) -> None:
        """Keep only some of the clips.

        Args:
            indices (int | Sequence[int]): As in mmengine's ``BaseDataset``.
        """
        super().get_subset_(indices)
        self._share_failures()

    def get_subset(self, indices: Union[Sequence[int], int]) -> 'FERDataset':
        """Copy some of the clips into a new data set.

        Args:
            indices (int | Sequence[int]): As in mmengine's ``BaseDataset``.

        Returns:
            FERDataset: The new data set, with error counts of its own.
        """
        subset = super().get_subset(indices)
        subset._share_failures()
        return subset


def _listed(names, limit: int = 5) -> str:
    """Join the first names for a message."""
    names = [str(name) for name in names]
    more = f', ... ({len(names)} in all)' if len(names) > limit else ''
    return ', '.join(names[:limit]) + more
