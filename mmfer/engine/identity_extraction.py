# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Encode who every clip of a data set shows, once, before any training."""
import os
import os.path as osp
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.utils import is_abs
from torch.utils.data import DataLoader, Dataset

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.datasets.annotations import fold_clips, read_annotations
from mmfer.datasets.face_preprocess import FacePreprocess
from mmfer.datasets.identity_file import (WHICH, IdentityEmbeddings,
                                          IdentityFileError)
from mmfer.models.identity import IdentityEncoder
from mmfer.progress import ProgressLine
from .extraction_journal import ExtractionJournal


@dataclass
class ExtractionReport:
    """What an extraction did.

    Attributes:
        clips (int): Clips in the file.
        pictures (int): Pictures encoded, in earlier runs too.
        resumed (int): Clips taken from the journal of an earlier run.
        unreadable (dict[str, str]): Clips that are not in the file, and why.
        not_whitened (dict[str, str]): Folds without a whitening, and why.
    """
    clips: int = 0
    pictures: int = 0
    resumed: int = 0
    unreadable: Dict[str, str] = field(default_factory=dict)
    not_whitened: Dict[str, str] = field(default_factory=dict)


class KeyframeFaces(Dataset):
    """The prepared keyframes of clips; nothing else of them is decoded.

    Args:
        files (Sequence[str]): The clips.
        preprocess (FacePreprocess): Of the encoder.
        which (str): See :func:`extract_identities`.
    """

    def __init__(self, files: Sequence[str], preprocess: FacePreprocess,
                 which: str) -> None:
        self.files = list(files)
        self.preprocess = preprocess
        self.which = which

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int
                    ) -> Tuple[np.ndarray, List[np.ndarray], Optional[str]]:
        """Read a clip.

        Args:
            number (int): Its position.

        Returns:
            tuple: Display indices, int64 (n, ); faces, uint8 RGB (height,
            width, 3) each; why there is none, or None.
        """
        try:
            with CompressedVideo(self.files[number]) as video:
                keyframes = video.keyframes
                if not len(keyframes):
                    keyframes = np.zeros(1, np.int64)
                if self.which == 'first':
                    keyframes = keyframes[:1]
                elif self.which == 'last':
                    keyframes = keyframes[-1:]
                pictures = video.frames_at([int(i) for i in keyframes])
        except (CompressedVideoError, OSError) as error:
            return np.zeros(0, np.int64), [], str(error)
        return np.asarray(keyframes, np.int64), [
            self.preprocess.prepare(picture) for picture in pictures
        ], None


def extract_identities(ann_file: str,
                       encoder: IdentityEncoder,
                       out: Union[str, os.PathLike],
                       which: str = 'first',
                       data_prefix: Optional[str] = None,
                       whiten: Optional[int] = None,
                       workers: int = 0,
                       overwrite: bool = False,
                       progress: bool = True,
                       chunk: int = 64) -> ExtractionReport:
    """Encode the keyframes of all clips of an annotation file.

    What is done is noted in a folder ``<out>.parts`` beside the file, so that
    a run that was ended goes on where it stopped and gives the same file; at
    the end the file appears under its name and the folder goes.

    Args:
        ann_file (str): Annotation file.
        encoder (IdentityEncoder): The face network.
        out (str | PathLike): File to write, ``.npz``.
        which (str): 'first' keyframe of a clip, 'last', 'mean' of the
            embeddings of all, or 'same_gop': all are stored, and
            :class:`mmfer.LoadIdentity` takes that of the sampled pictures.
            Defaults to 'first'.
        data_prefix (str, optional): Folder of the clips. Defaults to None,
            that of the annotation file.
        whiten (int, optional): Components of a whitening fitted on the clips
            of the split 'train', and once without each fold. Defaults to None, no whitening.
        workers (int): Processes that read. Defaults to 0, this one.
        overwrite (bool): Whether to make an existing file anew.
            Defaults to False.
        progress (bool): Whether to report progress on stderr.
            Defaults to True.
        chunk (int): Clips that are encoded and noted together.
            Defaults to 64.

    Returns:
        ExtractionReport: What was done.

    Raises:
        FileExistsError: The file is there and ``overwrite`` is not set.
        IdentityFileError: No clip can be read, or the whitening asked is not
            possible.
    """
    if which not in WHICH:
        raise ValueError(f'`which` is one of {", ".join(WHICH)}, got '
                         f'{which!r}')
    out = Path(out)
    if out.suffix != '.npz':
        raise ValueError(f'{out}: an identity file ends in .npz')
    if out.exists() and not overwrite:
        raise FileExistsError(
            f'{out}: exists; delete it or pass --overwrite to make it anew')
    metainfo, clips = read_annotations(ann_file)
    folder = data_prefix or osp.dirname(ann_file)
    paths = list(dict.fromkeys(clip['path'] for clip in clips))
    files = [path if is_abs(path) else osp.join(folder, path)
             for path in paths]
    metadata = dict(
        encoder=encoder.settings,
        which=which,
        dataset=metainfo.get('dataset') or osp.basename(ann_file))

    # What is encoded together matters in the last bits.
    run = dict(metadata, folder=osp.abspath(folder), chunk=chunk,
               batch_size=encoder.batch_size)
    journal = ExtractionJournal(out, run, paths, chunk)
    faces = KeyframeFaces(files, encoder.preprocess, which)
    report = ExtractionReport(resumed=journal.done)
    _encode(faces, encoder, which, journal, workers, progress)

    rows, embeddings, frames = [], [], []
    for path, found, indices, error in journal.read(paths):
        if error is not None:
            report.unreadable[path] = error
        rows += [path] * len(found)
        embeddings.append(found)
        frames.append(indices)
    if not rows:
        first = next(iter(report.unreadable.items()), ('', 'no clips'))
        raise IdentityFileError(
            f'{ann_file}: no clip could be read, the first: {first[1]}')
    identities = IdentityEmbeddings(
        rows, np.concatenate(embeddings), np.concatenate(frames), metadata,
        name=str(out))
    if whiten is not None:
        for name, chosen in _training_clips(ann_file, clips).items():
            try:
                identities.fit_whitening(
                    name, [p for p in chosen if p in identities], whiten)
            except IdentityFileError as error:
                # Where there is a split, few clips may be left in a fold.
                if 'train' not in identities.whitenings:
                    raise
                report.not_whitened[name] = str(error)
    identities.save(out)
    journal.remove()
    report.clips, report.pictures = len(identities), len(rows)
    return report


def read_encoder_config(config: Optional[str],
                        checkpoint: Optional[str] = None,
                        options: Optional[dict] = None) -> dict:
    """Find the encoder in a config file.

    Args:
        config (str, optional): A config with ``identity_encoder``, or one of
            face recognition, whose ``model.backbone`` is taken. None: all is
            in the options.
        checkpoint (str, optional): Weights, in place of the config's.
            Defaults to None.
        options (dict, optional): Settings that override the config's.
            Defaults to None.

    Returns:
        dict: For :func:`mmfer.models.identity.build_identity_encoder`.

    Raises:
        KeyError: The config has neither.
    """
    encoder = ConfigDict()
    if config is not None:
        cfg = Config.fromfile(config)
        encoder = cfg.get('identity_encoder') or \
            cfg.get('model', {}).get('backbone')
        if encoder is None:
            raise KeyError(f'{config}: has neither `identity_encoder` nor a '
                           '`model` with a `backbone`')
    merged = Config(dict(encoder=encoder))
    merged.merge_from_dict(
        {f'encoder.{key}': value for key, value in (options or {}).items()})
    encoder = merged.encoder.to_dict()
    if checkpoint is not None:
        encoder['checkpoint'] = checkpoint
    return encoder


def _encode(faces: KeyframeFaces, encoder: IdentityEncoder, which: str,
            journal: ExtractionJournal, workers: int, progress: bool) -> None:
    """Encode what the journal does not hold yet, chunk by chunk."""
    left = range(journal.done, len(faces))
    if not len(left):
        return
    # One clip per item: what is encoded together must not depend on the
    # workers, nor on where an earlier run stopped.
    loader = DataLoader(
        faces, batch_size=None, sampler=left, num_workers=workers,
        collate_fn=_as_it_is)
    chunk = []
    with ProgressLine('identities', len(faces), journal.done,
                      shown=progress) as line:
        for number, item in zip(left, loader):
            chunk.append(item)
            if len(chunk) == journal.chunk or number == len(faces) - 1:
                journal.add(*_encode_chunk(chunk, encoder, which))
                line.step(len(chunk))
                chunk = []


def _as_it_is(item):
    # What the loader would make of arrays otherwise: tensors.
    return item


def _encode_chunk(chunk: list, encoder: IdentityEncoder,
                  which: str) -> tuple:
    """Embeddings (M, D), frames (M, ), rows per clip and errors."""
    counts = [len(indices) for indices, _, _ in chunk]
    found = encoder.encode([face for _, faces, _ in chunk for face in faces])
    frames = np.concatenate([indices for indices, _, _ in chunk])
    errors = [error for _, _, error in chunk]
    if which != 'mean':
        return found, frames, counts, errors
    means, start = [], 0
    for count in counts:
        if count:
            mean = found[start:start + count].astype(np.float64).mean(axis=0)
            if encoder.normalize:
                mean /= max(np.linalg.norm(mean), 1e-12)
            means.append(mean)
        start += count
    means = np.array(means, np.float32).reshape(-1, found.shape[1])
    return means, np.full(len(means), -1), [min(c, 1) for c in counts], errors


def _training_clips(ann_file: str, clips: List[dict]) -> Dict[str, List[str]]:
    """Clips to fit on, by name of the whitening."""
    parts = {}
    train = [c for c in clips if c.get('split') == 'train']
    if train:
        parts['train'] = train
    for fold in sorted({c['fold'] for c in clips
                        if 'fold' in c and not c.get('train_only')}):
        parts[f'fold{fold}'] = fold_clips(clips, fold, 'train')
    if not parts:
        raise IdentityFileError(
            f'{ann_file}: has neither a split "train" nor folds, so there '
            'are no training clips to fit a whitening on')
    return {name: list(dict.fromkeys(c['path'] for c in chosen))
            for name, chosen in parts.items()}
