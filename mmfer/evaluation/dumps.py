# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Evaluate what ``tools/test.py --dump`` wrote."""
import io
import pickle
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.fileio import get

from .fer_metric import FERMetric, format_confusion

#: What is averaged over dumps.
AVERAGED = ('WAR', 'UAR', 'macro_F1')

#: All that a dump is made of: tensors, arrays and plain values.
_HARMLESS = {
    ('collections', 'OrderedDict'), ('_codecs', 'encode'),
    ('torch', 'Size'), ('torch._utils', '_rebuild_tensor_v2'),
    ('numpy', 'ndarray'), ('numpy', 'dtype'),
    *((f'numpy.{core}.{module}', name) for core in ('core', '_core')
      for module, name in (('multiarray', '_reconstruct'),
                           ('multiarray', 'scalar'),
                           ('numeric', '_frombuffer')))
}


class _DumpReader(pickle.Unpickler):
    """Read a pickle that may name a few harmless things only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _load_storage
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f'it names {module}.{name}')
        return super().find_class(module, name)


def _load_storage(stored: bytes) -> Any:
    # torch's own function of this name would unpickle anything.
    return torch.load(io.BytesIO(stored), weights_only=True)


@dataclass
class Predictions:
    """What a test said about each clip.

    Args:
        scores (np.ndarray): float32, (N, K).
        labels (list[int]): True classes, (N, ).
        clips (list): File name of each clip, (N, ); None where unknown.
        subjects (list): Who is seen, (N, ); None where unknown.
    """

    scores: np.ndarray
    labels: List[int]
    clips: List[Optional[str]]
    subjects: List[Optional[str]]


def read_predictions(path: str) -> Predictions:
    """Read scores, labels, clips and persons.

    The file is a pickle; one that names anything but tensors, arrays and
    plain values is refused unread.

    Args:
        path (str): File of ``tools/test.py --dump``.

    Returns:
        Predictions: In the order of the test.

    Raises:
        ValueError: The file holds something else, or scores are NaN.
    """
    try:
        samples = _DumpReader(io.BytesIO(get(str(path)))).load()
        scores = np.stack([
            torch.as_tensor(sample['pred_score']).float().numpy()
            for sample in samples
        ])
        labels = [int(sample['gt_label']) for sample in samples]
    except (TypeError, KeyError, ValueError, EOFError, AttributeError,
            RuntimeError, ImportError, IndexError,
            pickle.UnpicklingError) as error:
        raise ValueError(
            f'{path}: not a dump of tools/test.py ({error!r})') from None
    # The largest of them would be that of the first class.
    unknown = int(np.isnan(scores).any(axis=tuple(range(1, scores.ndim)))
                  .sum())
    if unknown:
        raise ValueError(
            f'{path}: {unknown} of {len(scores)} clips have scores that are '
            'NaN: the weights of the model are damaged, or the training has '
            'diverged')
    return Predictions(scores, labels,
                       [sample.get('filename') for sample in samples],
                       [sample.get('subject') for sample in samples])


def read_dump(path: str) -> Tuple[np.ndarray, List[int]]:
    """Read scores and labels alone, see :func:`read_predictions`.

    Args:
        path (str): File of ``tools/test.py --dump``.

    Returns:
        tuple: Scores, float32 (N, K), and the N true classes.

    Raises:
        ValueError: The file holds something else.
    """
    predictions = read_predictions(path)
    return predictions.scores, predictions.labels


def evaluate_dumps(paths: Sequence[str],
                   classes: Optional[Sequence[str]] = None,
                   bootstrap: int = 1000) -> Dict[str, Any]:
    """Evaluate one dump per fold or seed.

    Args:
        paths (Sequence[str]): The dumps.
        classes (Sequence[str], optional): Names of the classes.
            Defaults to None, their numbers.
        bootstrap (int): Samples for the intervals. Defaults to 1000.

    Returns:
        dict: ``each``, the result of :meth:`FERMetric.calculate` per dump;
        ``mean`` and ``std`` (of the population of dumps, n - 1) of WAR, UAR
        and macro F1, the convention for folds; ``confusion``, the sum of all
        confusion matrices.
    """
    each = [
        FERMetric.calculate(*read_dump(path), classes, bootstrap=bootstrap)
        for path in paths
    ]
    values = {key: [result[key] for result in each] for key in AVERAGED}
    return dict(
        each=each,
        mean={key: float(np.mean(v)) for key, v in values.items()},
        std={
            key: float(np.std(v, ddof=1)) if len(v) > 1 else 0.
            for key, v in values.items()
        },
        confusion=np.sum([result['confusion'] for result in each], axis=0))


def format_report(paths: Sequence[str],
                  report: Dict[str, Any],
                  classes: Optional[Sequence[str]] = None) -> str:
    """Write the result of :func:`evaluate_dumps` as text.

    Args:
        paths (Sequence[str]): The dumps.
        report (dict): Their result.
        classes (Sequence[str], optional): Names of the classes.
            Defaults to None.

    Returns:
        str: Several lines.
    """
    lines = []
    for path, result in zip(paths, report['each']):
        interval = f' [{result["UAR_low"]:.3f}, {result["UAR_high"]:.3f}]' \
            if 'UAR_low' in result else ''
        lines.append(f'{path}: WAR {result["WAR"]:.3f}  UAR '
                     f'{result["UAR"]:.3f}{interval}  macro F1 '
                     f'{result["macro_F1"]:.3f}')
    if len(paths) > 1:
        lines.append('mean of the dumps: ' + '  '.join(
            f'{key} {report["mean"][key]:.3f} +- {report["std"][key]:.3f}'
            for key in AVERAGED))
    lines += [
        'Confusion matrix, summed (rows: true class)',
        format_confusion(report['confusion'], classes)
    ]
    return '\n'.join(lines)
