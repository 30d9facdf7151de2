# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the two data sets of micro-expressions share."""
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from .base import DatasetAdapter
from .facts import Protocol, SourceClip
from .spans import numbered_span
from .tables import read_sheet
from .words import expression_name


class MicroExpressionAdapter(DatasetAdapter):
    """Recordings whose onset, apex and offset stand in a spreadsheet.

    A child gives ``columns`` (how its sheet names subject, clip, onset, apex,
    offset and emotion, in this order), ``sheets`` (where the sheet lies) and
    :meth:`key`.
    """

    columns: Dict[str, Sequence[str]] = {}
    sheets: Tuple[str, ...] = ()
    protocols = {'loso': Protocol('subjects', 'leave one person out')}
    variants = {'span': ('onset-offset', 'whole')}
    identity = True
    frame_rate = 200.

    def key(self, row: Dict[str, str]) -> Tuple[str, str]:
        """Give the key of a recording and its person.

        Args:
            row (dict[str, str]): A row of the sheet whose subject has a
                number.

        Returns:
            tuple[str, str]: Key of the folder, id of the person.
        """
        raise NotImplementedError

    def read(self, protocol: str) -> Iterable[SourceClip]:
        """See the base class."""
        rows = self._rows()
        index, missing, unknown, problems = self.media(), [], [], []
        used, nobody = set(), []
        for row in rows:
            if not person_number(row):
                nobody.append(row['clip'])
                continue
            key, subject = self.key(row)
            label = expression_name(row['emotion'])
            if label not in self.classes:
                unknown.append(f'{key} ({row["emotion"]})')
                continue
            medium = index.get(key)
            if medium is None:
                missing.append(key)
                continue
            facts: Dict[str, Any] = numbered_span(
                index, medium, *(_number(row[name])
                                 for name in ('onset', 'apex', 'offset')),
                whole=self.variant['span'] == 'whole')
            problem = facts.pop('problem', None)
            if problem:
                problems.append(f'{key}: {problem}')
            # One recording may hold two expressions.
            name = key if key not in used else f'{key}_{row["onset"]}'
            used.add(key)
            yield self.clip(index, medium, name, label, subject=subject,
                            **facts)
        self.report_unnumbered(index)
        self.note('warning', 'unknown-subject', nobody,
                  'rows of the coding sheet name no person and are left out',
                  'fill in the cell of the subject')
        self.report_missing(missing)
        self.report_unknown(unknown)
        self.note('warning', 'span-mismatch', problems,
                  'recordings do not fit their coding and are taken whole, '
                  'without apex', 'use the clips and the sheet of one release')

    def _rows(self) -> List[Dict[str, str]]:
        sheet: Path = self.find(*self.sheets, what='coding sheet')[0]
        return read_sheet(sheet, self.columns)


def person_number(row: Dict[str, str]) -> str:
    """Read the number of a person.

    Args:
        row (dict[str, str]): A row of the sheet, with the subject as '1',
            '006' or 'sub01'.

    Returns:
        str: Its digits; '' if there are none.
    """
    return ''.join(re.findall('[0-9]', row['subject']))


def _number(text: str) -> Optional[int]:
    # A few cells hold '/' or nothing.
    return int(float(text)) if re.fullmatch(r'[0-9]+(\.[0-9]*)?',
                                            text) else None
