# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""From a training to checked models for other runtimes."""
import copy
import os
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmfer.registry import DATASETS
from mmfer.version import __version__
from .accuracy import ALLOWED_LOSS, Comparison, is_acceptable
from .formats import TARGETS, attach_metadata, write_target
from .network import DeployableNetwork, load_recognizer
from .runtime import load_exported

Report = Callable[[str], None]


def test_samples(cfg: Config, split: str = 'test'):
    """Open a split as a test would see it.

    Args:
        cfg (Config): Of the training.
        split (str): 'test', or 'train' for calibration: its clips through the
            *test* pipeline, without augmentation and without identities.
            Defaults to 'test'.

    Returns:
        Dataset: Items hold ``inputs`` and ``data_samples``.
    """
    settings = copy.deepcopy(cfg[f'{split}_dataloader']['dataset'])
    settings['pipeline'] = copy.deepcopy(
        cfg['test_dataloader']['dataset']['pipeline'])
    settings['test_mode'] = True
    with DefaultScope.overwrite_default_scope(
            cfg.get('default_scope', 'mmaction')):
        return DATASETS.build(settings)


def calibration_batches(cfg: Config, clips: int,
                        seed: int = 0) -> List[np.ndarray]:
    """Take residuals of training clips, as the network reads them.

    Args:
        cfg (Config): Of the training.
        clips (int): How many; drawn without repetition, so that all classes
            and persons have their share.
        seed (int): Of the draw. Defaults to 0.

    Returns:
        list[np.ndarray]: float32 (1, M, C, H, W) each.
    """
    dataset = test_samples(cfg, 'train')
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:clips]
    return [_inputs(dataset[int(index)])[None] for index in chosen]


def _inputs(item: dict) -> np.ndarray:
    return np.asarray(item['inputs'], dtype=np.float32)


def _batches(dataset, size: int) -> Iterator[Tuple[np.ndarray, List[int]]]:
    """Go through a split: inputs (N, ...) and labels."""
    inputs, labels = [], []
    for index in range(len(dataset)):
        item = dataset[index]
        inputs.append(_inputs(item))
        labels.append(int(item['data_samples'].gt_label))
        if len(inputs) == size or index == len(dataset) - 1:
            yield np.stack(inputs), labels
            inputs, labels = [], []




def export_checkpoint(cfg: Config,
                      checkpoint: Optional[str],
                      targets: Sequence[str],
                      stem: str,
                      calibration_clips: int = 128,
                      allowed_loss: float = ALLOWED_LOSS,
                      force: bool = False,
                      check: bool = True,
                      report: Report = print) -> Dict[str, Dict[str, Any]]:
    """Export, measure on the test split, and keep what is good enough.

    Args:
        cfg (Config): Of the training.
        checkpoint (str, optional): None exports random weights, which cannot
            be checked.
        targets (Sequence[str]): Of :data:`.formats.TARGETS`.
        stem (str): Files are called ``{stem}_{precision}{ending}``;
            OpenVINO's bfloat16 and int8 lie beside its float32.
        calibration_clips (int): Training clips for int8. Defaults to 128.
        allowed_loss (float): UAR that an export may lose. Defaults to 0.01.
        force (bool): Keep what loses more. Defaults to False.
        check (bool): Measure on the test split. Without it, the metadata says
            ``accuracy: null``. Defaults to True.
        report (Callable): Is told what is done. Defaults to ``print``.

    Returns:
        dict: By target: ``path`` (None if refused), ``files``, ``bytes`` and
        the metadata.
    """
    recognizer, facts = load_recognizer(cfg, checkpoint)
    if facts.get('doubt'):
        report(f'warning: {cfg.filename or "the config"}: {facts["doubt"]}')
    network = DeployableNetwork(recognizer)
    needs_many = any(TARGETS[t][1] == 'int8' for t in targets)
    samples = calibration_batches(cfg, calibration_clips if needs_many else 1)
    folder = os.path.dirname(os.path.abspath(stem))
    os.makedirs(folder, exist_ok=True)
    # Beside the target, so that moving is renaming.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        paths = {}
        for target in targets:
            report(f'writing {target}')
            path = os.path.join(temporary, target + TARGETS[target][0])
            write_target(target, copy.deepcopy(network), path, samples)
            paths[target] = path
        base = _metadata(cfg, facts, samples)
        metadata = {}
        for target, path in paths.items():
            metadata[target] = dict(
                base, format=target.partition('-')[0],
                precision=TARGETS[target][1], accuracy=None)
            if TARGETS[target][1] == 'int8':
                metadata[target]['calibration'] = dict(
                    split='train', clips=len(samples), seed=0)
            attach_metadata(path, metadata[target])
        if check and checkpoint is not None:
            report('measuring on the test split')
            measured = compare_exports(
                cfg, recognizer,
                {t: load_exported(path) for t, path in paths.items()})
            for target, summary in measured.items():
                metadata[target]['accuracy'] = dict(summary, split='test')
        done = {}
        for target, path in paths.items():
            accuracy = metadata[target]['accuracy']
            refused = accuracy is not None and not force and \
                not is_acceptable(accuracy, allowed_loss)
            files = attach_metadata(path, metadata[target])
            done[target] = dict(metadata[target], path=None, files=[],
                                bytes=sum(map(os.path.getsize, files)))
            if refused:
                continue
            moved = [_move(file, _final(stem, target, file))
                     for file in files]
            done[target].update(path=moved[0], files=moved)
    return done


def compare_exports(cfg: Config, recognizer: torch.nn.Module,
                    models: Dict[str, Callable],
                    batch_size: int = 16) -> Dict[str, Dict[str, Any]]:
    """Send the test split once through the original and all exports.

    Args:
        cfg (Config): Of the training.
        recognizer (nn.Module): The original, as a test runs it.
        models (dict[str, Callable]): Exports by name; float32
            (N, M, C, H, W) to (N, K).
        batch_size (int): Defaults to 16.

    Returns:
        dict: :meth:`.Comparison.summary` by name.
    """
    dataset = test_samples(cfg)
    count = recognizer.cls_head.num_classes
    comparisons = {name: Comparison(count) for name in models}
    for inputs, labels in _batches(dataset, batch_size):
        original = eager_scores(recognizer, inputs)
        for name, model in models.items():
            comparisons[name].add(labels, original, model(inputs))
    return {name: c.summary() for name, c in comparisons.items()}


@torch.no_grad()
def eager_scores(recognizer: torch.nn.Module,
                 inputs: np.ndarray) -> np.ndarray:
    """Classify as ``tools/test.py`` does.

    Args:
        recognizer (nn.Module): mmaction2's recogniser.
        inputs (np.ndarray): float32 (N, M, C, H, W).

    Returns:
        np.ndarray: Probabilities, (N, K).
    """
    from mmaction.structures import ActionDataSample
    answers = recognizer.test_step(
        dict(inputs=list(torch.from_numpy(inputs)),
             data_samples=[ActionDataSample() for _ in inputs]))
    scores = []
    for answer in answers:
        score = answer.pred_score.float()
        if recognizer.cls_head.average_clips != 'prob':
            score = score.softmax(-1)
        scores.append(score.reshape(-1, score.shape[-1]).mean(0).numpy())
    return np.stack(scores)


def _metadata(cfg: Config, facts: Dict[str, Any],
              samples: List[np.ndarray]) -> Dict[str, Any]:
    name = os.path.basename(cfg.filename) if cfg.filename else None
    classes = facts.get('classes')
    if classes is None:
        found = test_samples(cfg).metainfo.get('classes')
        classes = [str(c) for c in found] if found else None
    return dict(
        mmfer_version=__version__,
        config=name,
        checkpoint=facts.get('checkpoint'),
        sha256=facts.get('sha256'),
        classes=classes,
        coding=facts.get('coding', {}),
        input=list(samples[0].shape[1:]))


def _final(stem: str, target: str, file: str) -> str:
    """Name of a file in the end: OpenVINO's float32 and bfloat16 differ."""
    return f'{stem}_{TARGETS[target][1]}{os.path.splitext(file)[1]}'


def _move(source: str, target: str) -> str:
    os.replace(source, target)
    return target
