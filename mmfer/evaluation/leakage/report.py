# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The whole battery, and its result as numbers, JSON and Markdown."""
import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional

import numpy as np

from mmfer.atomic import write_json
from .data import LeakageData
from .distance_correlation import FEWEST, distance_correlation_test
from .expression import measure_expression
from .folds import PROTOCOLS
from .inversion import FaceDecoder, invert
from .mutual_information import (ESTIMATORS, TooFewClipsError,
                                 estimate_information)
from .probes import probe_identity
from .reidentification import GALLERIES, reidentify
from .similarity import cosine_similarities, project
from .verification import PAIRS, verify

#: How much is measured: 'fast' leaves out what trains networks.
LEVELS = ('fast', 'full')

#: Lines of the Markdown table: text, measure, value, and what knowing nothing
#: gives: a value of the same measure, or a number.
_LINES = (
    ('Expression, UAR of the model', 'expression', 'model_UAR', 'chance_UAR'),
    ('Expression, UAR of a fresh probe, unseen persons', 'expression',
     'probe_UAR', 'chance_UAR'),
    ('Dimensions used', 'expression', 'effective_rank', None),
    ('Linear probe, new clips', 'probe/linear/clip_disjoint', 'accuracy',
     'chance'),
    ('Linear probe, new expressions', 'probe/linear/expression_disjoint',
     'accuracy', 'chance'),
    ('MLP probe, new clips', 'probe/mlp/clip_disjoint', 'accuracy', 'chance'),
    ('MLP probe, new expressions', 'probe/mlp/expression_disjoint',
     'accuracy', 'chance'),
    *((f'Re-identification {where}, {space}: {text}',
       f'reidentification/{space}/{gallery}', value, f'chance_{value}')
      for where, gallery in (('across expressions', 'different_expression'),
                             ('within expressions', 'same_expression'))
      for space in ('raw', 'whitened', 'lda')
      for text, value in (('rank 1', 'rank1'),
                          ('mAP', 'mean_average_precision'))),
    *((f'Verification EER, {space}{text}', f'verification/{space}/{pairs}',
       'equal_error_rate', 0.5)
      for space in ('raw', 'whitened', 'lda')
      for text, pairs in (('', 'all'), (', same expression',
                                        'same_expression'))),
    *((f'Verification TAR at 1 % FAR, {space}', f'verification/{space}/all',
       'true_accepts_at_1e_2', 0.01)
      for space in ('raw', 'whitened', 'lda')),
    ('Distance correlation with identity (squared, corrected)', 'dependence',
     'distance_correlation', 'expected'),
    ('its expectation without a leak', 'dependence', 'expected', None),
    ('its p-value', 'dependence', 'p_value', None),
    ('its p-value within expressions', 'dependence',
     'p_value_within_expression', None),
    ('Information, InfoNCE, lower bound, nats', 'information/infonce', 'nats',
     0),
    ('Information, MINE, lower bound, nats', 'information/mine', 'nats', 0),
    ('Information, SMILE, no bound, nats', 'information/smile', 'nats', 0),
    ('Inversion, rank 1', 'inversion', 'rank1', 'chance'),
    ('Inversion, margin of similarity', 'inversion', 'margin', 0),
)


@dataclass(frozen=True)
class LeakageReport:
    """Everything that was measured.

    Args:
        measures (dict[str, dict[str, float]]): Values by measure, for example
            ``measures['probe/linear/clip_disjoint']['accuracy']``.
        settings (dict): How it was measured: level, seed, and numbers of
            clips, persons, expressions and dimensions.
    """
    measures: Dict[str, Dict[str, float]]
    settings: Dict[str, Any] = field(default_factory=dict)

    def scalars(self) -> Dict[str, float]:
        """Flatten for a logger.

        Returns:
            dict[str, float]: For example
            ``'probe/linear/clip_disjoint/accuracy'``. What is not a number
            (NaN, infinity, text) is left out.
        """
        return {
            f'{measure}/{name}': float(value)
            for measure, values in self.measures.items()
            for name, value in values.items()
            if isinstance(value, (int, float)) and math.isfinite(value)
        }

    def to_dict(self) -> Dict[str, Any]:
        """Make a dict for JSON; NaN and infinity become None."""
        measures = {
            measure: {
                name: None if isinstance(value, float)
                and not math.isfinite(value) else value
                for name, value in values.items()
            }
            for measure, values in self.measures.items()
        }
        return dict(settings=dict(self.settings), measures=measures)

    def save(self, path: str) -> None:
        """Write a JSON file; nothing partial is left behind.

        Args:
            path (str): The file; replaced if it exists.
        """
        write_json(path, self.to_dict(), allow_nan=False)

    @classmethod
    def load(cls, path: str) -> 'LeakageReport':
        """Read what :meth:`save` wrote.

        Args:
            path (str): The file.

        Returns:
            LeakageReport: With NaN where nothing could be measured.
        """
        with open(path, encoding='utf-8') as file:
            try:
                stored = json.load(file)
                return cls(
                    {
                        measure: {
                            name: math.nan if value is None else value
                            for name, value in values.items()
                        }
                        for measure, values in stored['measures'].items()
                    }, stored['settings'])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ValueError(
                    f'{path}: not a leakage report ({error!r})') from None

    def to_markdown(self, name: str = 'value') -> str:
        """Make a table of the main values.

        Args:
            name (str): Head of the column. Defaults to 'value'.

        Returns:
            str: Markdown.
        """
        return format_reports({name: self})


def require_libraries() -> None:
    """Find out now whether scikit-learn is there.

    Raises:
        ImportError: It is not; the message says what to install.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ImportError('the leakage measures need scikit-learn: pip '
                          "install 'mmfer[vis]'") from None


def leakage_report(data: LeakageData,
                   fit: Optional[LeakageData] = None,
                   encode: Optional[Callable[[List[np.ndarray]],
                                             np.ndarray]] = None,
                   level: str = 'full',
                   seed: int = 0) -> LeakageReport:
    """Run the battery.

    Args:
        data (LeakageData): Clips of persons that the encoder was not trained
            on: the measures are about them.
        fit (LeakageData, optional): Clips of other persons, usually those of
            the training, from which an attacker learns whitening,
            discriminant and decoder. Defaults to None: no discriminant, no
            inversion.
        encode (Callable, optional): The face network, for the inversion
            attack: list of uint8 RGB (H, W, 3) to embeddings (N, E), as in
            ``data.identity``. Defaults to None, no inversion.
        level (str): 'full', or 'fast' without MLP probes, information
            estimates and inversion. Defaults to 'full'.
        seed (int): Equal seeds give equal reports. Defaults to 0.

    Returns:
        LeakageReport: What could be measured with what was given: without
        information estimates where clips are too few for a critic, and
        without distance correlation for fewer than four clips.

    Raises:
        ImportError: scikit-learn is missing.
        ValueError: Fewer than two persons, persons of ``fit`` among those of
            ``data``, or ``encode`` without what it needs.
    """
    if level not in LEVELS:
        raise ValueError(f'`level` is one of {LEVELS}, got {level!r}')
    require_libraries()
    people = np.unique(data.subjects)
    if len(people) < 2:
        raise ValueError(f'{len(people)} person among {len(data)} clips: '
                         'leakage is measured on at least two; does the '
                         'annotation file name subjects?')
    if fit is not None:
        shared = np.intersect1d(people, fit.subjects)
        if len(shared):
            raise ValueError(
                f'{len(shared)} persons are both measured and fitted on, the '
                f'first: {shared[0]}; the attacks must not know them')
    attack = level == 'full' and encode is not None
    if attack and (fit is None or any(
            value is None
            for value in (fit.faces, data.faces, data.identity))):
        raise ValueError('the inversion attack needs `fit`, the faces of both '
                         'sets and the identity embeddings')
    codes = data.features
    if data.collapsed:  # rounding is not information
        codes = np.zeros_like(codes)
    about = (data.labels, data.subjects)
    found = dict(
        expression=measure_expression(codes, *about, data.scores))
    for kind in ('linear', 'mlp') if level == 'full' else ('linear', ):
        for protocol in PROTOCOLS:
            found[f'probe/{kind}/{protocol}'] = probe_identity(
                codes, *about, kind, protocol, seed=seed)
    spaces = project(
        codes, *((None, None) if fit is None else
                 (fit.features, fit.subjects)))
    for space, projected in spaces.items():
        similarity = cosine_similarities(projected)
        for gallery in GALLERIES:
            found[f'reidentification/{space}/{gallery}'] = reidentify(
                similarity, *about, gallery)
        for pairs in PAIRS:
            found[f'verification/{space}/{pairs}'] = verify(
                similarity, *about, pairs)
    if data.identity is not None and len(data) >= FEWEST:
        found['dependence'] = distance_correlation_test(
            codes, data.identity, data.labels, seed=seed)
        if level == 'full':
            for estimator in ESTIMATORS:
                with suppress(TooFewClipsError):  # the others still count
                    found[f'information/{estimator}'] = estimate_information(
                        codes, data.identity, *about, estimator, seed=seed)
    if attack:
        decoder = FaceDecoder(seed=seed).fit(fit.features, fit.faces,
                                             fit.subjects)
        found['inversion'] = invert(decoder, codes, *about, data.identity,
                                    data.faces, encode)
    return LeakageReport(
        {name: asdict(result) for name, result in found.items()},
        dict(
            level=level,
            seed=seed,
            num_clips=len(data),
            num_subjects=len(people),
            num_expressions=len(np.unique(data.labels)),
            num_dimensions=codes.shape[1],
            num_fit_subjects=0 if fit is None else len(
                np.unique(fit.subjects)),
            collapsed=data.collapsed))


def format_reports(reports: Mapping[str, LeakageReport]) -> str:
    """Make a table of several reports, one column each.

    Args:
        reports (Mapping[str, LeakageReport]): By name.

    Returns:
        str: Markdown; ± is a standard error over persons; the last column is
        what codes give that know nothing, where that is the same for all
        reports. Measures that no report has are left out.
    """
    lines = [
        '| measure | ' + ' | '.join(reports) + ' | chance |',
        '|---|' + '---|' * (len(reports) + 1)
    ]
    for text, measure, name, chance in _LINES:
        values = [r.measures.get(measure) for r in reports.values()]
        there = [value for value in values if value is not None]
        if not there or all(math.isnan(v[name]) for v in there):
            continue
        floor = chance
        if isinstance(chance, str):
            floors = {_cell(value[chance]) for value in there}
            floor = there[0][chance] if len(floors) == 1 else None
        cells = [
            _cell(value and value[name], value and value.get('standard_error'))
            if name in ('accuracy', 'rank1') else _cell(value and value[name])
            for value in values
        ]
        lines.append(f'| {text} | ' + ' | '.join(cells) +
                     f' | {_cell(floor)} |')
    return '\n'.join(lines)


def _cell(value: Optional[float], error: Optional[float] = None) -> str:
    if value is None or math.isnan(value):
        return ''
    if error is None or math.isnan(error):
        return f'{value:.3f}'
    return f'{value:.3f} ± {error:.3f}'
