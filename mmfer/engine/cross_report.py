# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Gather the results of a cross-validation and write the report."""
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping

import numpy as np

from mmfer.atomic import write_text
from mmfer.evaluation.dumps import read_predictions
from mmfer.evaluation.protocol import protocol_fields
from mmfer.evaluation.report import Run, summarise
from mmfer.evaluation.report_text import to_latex, to_markdown
from mmfer.version import __version__
from .cross_validation import CrossValidation
from .fold_config import FoldError
from .fold_run import FoldRun


def make_report(validation: CrossValidation,
                failed: Mapping[FoldRun, str],
                bootstrap: int = 1000) -> Dict[str, Any]:
    """Compute the numbers of all finished folds.

    Args:
        validation (CrossValidation): After its run.
        failed (Mapping[FoldRun, str]): What went wrong.
        bootstrap (int): Samples for intervals. Defaults to 1000.

    Returns:
        dict: See :mod:`mmfer.evaluation.report_text`.

    Raises:
        FoldError: No fold is finished with all its seeds.
    """
    plan = validation.plan
    results = {run: run.result() for run in validation.runs}
    missing = [f'fold {fold} (not asked for)' for fold in plan.protocol_folds
               if fold not in plan.folds]
    missing += [f'{run.title} ({failed.get(run, "not finished")})'
                for run, result in results.items() if result is None]
    folds = [fold for fold in plan.folds
             if all(result is not None for run, result in results.items()
                    if run.fold == fold)]
    kept = {run: results[run] for run in results if run.fold in folds}
    if not kept:
        raise FoldError('no fold is finished: there is nothing to report')
    names = {'last': 'last'}
    if all('best' in result['selections'] for result in kept.values()):
        names['best'] = plan.selection
    first = next(iter(kept))
    fields = protocol_fields(first.cfg, plan.metainfo)
    fields['persons'] = plan.persons
    if fields['split'] == 'not recorded':
        fields['split'] = plan.split or f'{len(plan.protocol_folds)} folds'
    selections = {
        label: summarise([_read(run, result, name)
                          for run, result in kept.items()],
                         plan.classes, plan.leave_one_out, bootstrap)
        for name, label in names.items()
    }
    return dict(
        title=f'{fields["dataset"]}: {validation.name}',
        config=f'{validation.name}.py', complete=not missing, missing=missing,
        mmfer=__version__, protocol=fields, classes=plan.classes,
        folds=[plan.split if fold is None else fold for fold in folds],
        subjects=plan.subjects,
        seeds=sorted({run.seed for run in kept}),
        leave_one_out=plan.leave_one_out, selections=selections)


def _read(run: FoldRun, result: Mapping[str, Any], name: str) -> Run:
    selection = result['selections'][name]
    said = read_predictions(run.folder / selection['dump'])
    return Run(run.part, run.seed, np.array(said.labels),
               said.scores.argmax(axis=1), said.clips, said.subjects,
               selection['epoch'])


def write_report(report: Mapping[str, Any], work_dir: Path) -> List[Path]:
    """Write the report as Markdown, JSON and LaTeX.

    Args:
        report (Mapping): From :func:`make_report`.
        work_dir (Path): Folder.

    Returns:
        list[Path]: ``report.md``, ``report.json`` and ``report.tex``.
    """
    texts = {
        'report.md': to_markdown(report),
        'report.json': json.dumps(report, indent=1, ensure_ascii=False) + '\n',
        'report.tex': to_latex(report)
    }
    paths = [Path(work_dir) / name for name in texts]
    for path, text in zip(paths, texts.values()):
        write_text(path, text)
    return paths
