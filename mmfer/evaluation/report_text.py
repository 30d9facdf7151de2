# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A cross-validation as Markdown and as LaTeX.

A report is a dict of plain types::

    {'title': ..., 'config': ..., 'complete': True, 'missing': [],
     'protocol': {...}, 'classes': [...], 'folds': [...], 'seeds': [...],
     'leave_one_out': False,
     'selections': {'last': summary, 'best_on_test': summary}}

where a summary comes from :func:`mmfer.evaluation.report.summarise`. Tables
are in percent with two decimals, as papers print them.
"""
from typing import Any, Dict, List, Mapping, Optional, Sequence

#: What a way to choose the checkpoint means.
SELECTIONS = {
    'last': 'the checkpoint after the last epoch, whatever the validation '
            'said',
    'best_on_val': 'the epoch with the best validation; the test took no part '
                   'in the choice',
    'best_on_test': 'the epoch with the best result *on the tested clips '
                    'themselves*: the validation set is the test set. Many '
                    'published rows are chosen like this; it is an upper '
                    'bound, not a result on new clips',
}
MEAN_COLUMNS = ('WAR', 'UAR', 'macro_F1')
POOLED_COLUMNS = ('WAR', 'UAR', 'UF1')


def to_markdown(report: Mapping[str, Any]) -> str:
    """Write everything, for people.

    Args:
        report (Mapping): See the module.

    Returns:
        str: Markdown.
    """
    lines = [f'# {report["title"]}', '']
    if not report['complete']:
        lines += ['**Incomplete**: not a result of the protocol. Missing: '
                  f'{", ".join(report["missing"])}.', '']
    lines += ['| selection | ' + ' | '.join(
        _heading(report, name) for name in _columns(report)) + ' |',
        '|---|' + '---|' * len(_columns(report))]
    for name, summary in report['selections'].items():
        cells = [_cell(report, summary, column)
                 for column in _columns(report)]
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    lines += ['', _how_counted(report), '']
    lines += [f'* `{name}`: {SELECTIONS[name]}.'
              for name in report['selections']]
    lines += ['', '## Protocol', '', '| field | value |', '|---|---|']
    lines += [f'| {name} | {value} |'
              for name, value in _protocol(report).items()]
    for name, summary in report['selections'].items():
        lines += ['', f'## `{name}`', '', *_runs(summary), '',
                  *_recall(report, summary), '', *_intervals(summary)]
    return '\n'.join(lines).rstrip() + '\n'


def to_latex(report: Mapping[str, Any]) -> str:
    """Write one table for a paper; the protocol stands in comments above it.

    Args:
        report (Mapping): See the module.

    Returns:
        str: LaTeX for the package booktabs.
    """
    columns = _columns(report)
    lines = [f'% {report["title"]}']
    if not report['complete']:
        lines.append('% INCOMPLETE, missing: ' + ', '.join(report['missing']))
    lines += [f'% {name}: {value}'
              for name, value in _protocol(report).items()]
    lines += [r'\begin{tabular}{l' + 'r' * len(columns) + '}', r'\toprule',
              'checkpoint & ' + ' & '.join(
                  _latex(_heading(report, name)) for name in columns)
              + r' \\', r'\midrule']
    for name, summary in report['selections'].items():
        cells = [_latex(_cell(report, summary, column)) for column in columns]
        lines.append(f'{_latex(name)} & ' + ' & '.join(cells) + r' \\')
    lines += [r'\bottomrule', r'\end{tabular}']
    return '\n'.join(lines) + '\n'


def format_confusion_markdown(confusion: Sequence[Sequence[int]],
                              classes: Sequence[str]) -> List[str]:
    """Write a confusion matrix with the recall of each class.

    Args:
        confusion (Sequence): (K, K), true classes in rows.
        classes (Sequence[str]): Names of the K classes.

    Returns:
        list[str]: Lines of a Markdown table.
    """
    lines = ['| true \\ predicted | ' + ' | '.join(classes)
             + ' | clips | recall |',
             '|---|' + '---|' * (len(classes) + 2)]
    for number, (name, row) in enumerate(zip(classes, confusion)):
        total = sum(row)
        recall = percent(row[number] / total) if total else 'no clips'
        cells = [*map(str, row), str(total), recall]
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return lines


def percent(value: Optional[float], spread: Optional[float] = None) -> str:
    """Write a share in percent.

    Args:
        value (float, optional): Between 0 and 1.
        spread (float, optional): Its standard deviation. Defaults to None.

    Returns:
        str: Two decimals, or '-' without a value.
    """
    if value is None:
        return '-'
    text = f'{100 * value:.2f}'
    return text if spread is None else f'{text} ± {100 * spread:.2f}'


def _columns(report: Mapping[str, Any]) -> Sequence[str]:
    return POOLED_COLUMNS if report['leave_one_out'] else MEAN_COLUMNS


def _heading(report: Mapping[str, Any], column: str) -> str:
    return column.replace('_', ' ') + ' %'


def _cell(report: Mapping[str, Any], summary: Mapping[str, Any],
          column: str) -> str:
    if report['leave_one_out']:
        return percent(summary['pooled'][column])
    spread = summary['std'][column]
    if spread is None:  # a single fold: seeds vary, if anything does
        spread = summary['seed_std'][column]
    return percent(summary['mean'][column], spread)


def _how_counted(report: Mapping[str, Any]) -> str:
    folds, seeds = len(report['folds']), len(report['seeds'])
    if report['leave_one_out']:
        text = f'Each of the {folds} folds tests one person. WAR, UAR and ' \
            'UF1 are computed once, from true positives, false positives ' \
            'and false negatives summed over all persons'
        return text + (f' and {seeds} seeds.' if seeds > 1 else '.')
    if folds > 1:
        text = f'Mean ± standard deviation (n - 1) over {folds} folds, of ' \
            'the values of each fold'
        return text + (f', averaged over {seeds} seeds.' if seeds > 1
                       else ', one seed.')
    if seeds > 1:
        return f'One split; mean ± standard deviation (n - 1) of {seeds} ' \
            'seeds.'
    return 'One split, one seed: how much another seed would change is not ' \
        'known.'


def _protocol(report: Mapping[str, Any]) -> Dict[str, str]:
    fields = dict(config=report['config'], **report['protocol'])
    fields['folds'] = ', '.join(map(str, report['folds']))
    fields['seeds'] = ', '.join(map(str, report['seeds']))
    fields['checkpoint selection'] = ', '.join(report['selections'])
    return fields


def _runs(summary: Mapping[str, Any]) -> List[str]:
    lines = ['| fold | seed | epoch | clips | WAR % | UAR % | macro F1 % | '
             'classes without clips |', '|---|---|---|---|---|---|---|---|']
    for run in summary['runs']:
        cells = [run['fold'], run['seed'],
                 '-' if run['epoch'] is None else run['epoch'], run['clips'],
                 *(percent(run[name]) for name in MEAN_COLUMNS),
                 ', '.join(run['absent']) or '-']
        lines.append('| ' + ' | '.join(map(str, cells)) + ' |')
    return lines


def _recall(report: Mapping[str, Any],
            summary: Mapping[str, Any]) -> List[str]:
    pooled = summary['pooled']
    return [
        'All folds' + (' and seeds' if len(report['seeds']) > 1 else '')
        + f' together: WAR {percent(pooled["WAR"])}, '
        f'UAR {percent(pooled["UAR"])}, UF1 {percent(pooled["UF1"])}.', '',
        *format_confusion_markdown(pooled['confusion'], report['classes'])
    ]


def _intervals(summary: Mapping[str, Any]) -> List[str]:
    names = dict(
        WAR='WAR, mean of folds, over clips',
        UAR='UAR, mean of folds, over clips',
        pooled_UAR='UAR, all folds together, over clips',
        pooled_UF1='UF1, all folds together, over clips',
        subjects_UAR='UAR, all folds together, over persons',
        subjects_UF1='UF1, all folds together, over persons')
    spans = {key: summary['intervals'].get(key) for key in names}
    if not any(spans.values()):
        return []
    lines = ['| 95 % bootstrap interval | from % | to % |', '|---|---|---|']
    for key, span in spans.items():
        if span:
            lines.append(f'| {names[key]} | {percent(span[0])} | '
                         f'{percent(span[1])} |')
    return lines


def _latex(text: str) -> str:
    for character in '&%_#':
        text = text.replace(character, '\\' + character)
    return text.replace(' ± ', r' $\pm$ ')
