# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Lay the results out."""
from typing import Any, Dict, Optional

from .configs import MODELS

#: Columns about the person: head, and its key in what was measured.
PERSON = (('linear probe', 'linear'), ('MLP probe', 'mlp'),
          ('re-identified', 'reidentification'))

Shares = Dict[str, Dict[str, float]]


def report(results: Shares, identity: Dict[str, Shares],
           milliseconds: Dict[str, float], prediction: Dict[str, Any],
           counts: Dict[str, int]) -> str:
    """Put accuracy, leakage and time beside each other, and say it in words.

    Args:
        results (dict): WAR and UAR of each model.
        identity (dict): What :func:`.measuring.measure_identity` found in the
            codes of each model, and under 'face' in the face embeddings.
        milliseconds (dict): The time of each model.
        prediction (dict): ``file``, ``label``, ``score`` and ``truth``.
        counts (dict): ``persons``, ``clips`` and ``classes`` of the test.

    Returns:
        str: A table and some sentences.
    """
    clips = f'{counts["clips"]} clips of'
    people = f'{counts["persons"]} unseen persons'
    lines = [
        f'{clips:20}{"expression":>15}{"person named from the code by":>49}'
        f'{"file to":>15}', f'{people:20}{"WAR":>8}{"UAR":>7}' +
        ''.join(f'{head:>17}' for head, _ in PERSON) + f'{"prediction":>13}'
    ]
    for name, result in results.items():
        lines.append(
            _row(MODELS[name].title, identity[name], result,
                 milliseconds[name]))
    face = identity['face']
    guess = 1 / counts['classes']
    lines.append(_row('face embedding', face))
    lines.append(
        _row('knowing nothing',
             {key: dict(share=face[key]['chance']) for key in face},
             dict(WAR=guess, UAR=guess)))
    return '\n'.join([
        *lines, '',
        in_words(results, identity), '',
        f'{prediction["file"]} shows {prediction["label"]} (score '
        f'{prediction["score"]:.2f}, where a guess has {guess:.2f}); its '
        f'annotation says {prediction["truth"]}.'
    ])


def _row(title: str,
         identity: Shares,
         result: Optional[Dict[str, float]] = None,
         milliseconds: Optional[float] = None) -> str:
    """Make a line; what is not known of a row is left blank."""
    line = f'{title:21}'
    for metric in ('WAR', 'UAR'):
        line += ' ' * 7 if result is None else f'{result[metric]:7.3f}'
    for _, key in PERSON:
        found = identity[key]
        error = f' ± {found["error"]:.3f}' if 'error' in found else ' ' * 8
        line += f'{found["share"]:9.3f}{error}'
    if milliseconds is not None:
        line += f'{milliseconds:6.1f} ms CPU'
    return line.rstrip()


def in_words(results: Shares, identity: Dict[str, Shares]) -> str:
    """Say what the table means.

    Args:
        results (dict): As in :func:`report`.
        identity (dict): Likewise.

    Returns:
        str: Three lines.
    """
    first = next(iter(results))
    named = [(MODELS[name].title, identity[name]['mlp']['share'])
             for name in results]
    named.append(('face embedding', identity['face']['mlp']['share']))
    named.append(('guessing', identity['face']['mlp']['chance']))
    return (
        f'Of 100 clips of persons it never saw, the {MODELS[first].title} '
        f'model names the expression of {100 * results[first]["UAR"]:.0f}.\n'
        'Of 100 clips, a classifier that is trained to do so names the person '
        'of:\n    ' +
        ', '.join(f'{title} {100 * share:.0f}' for title, share in named))
