# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Read the lists and tables of releases, however they are written."""
import csv
import io
import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from .layout import AdapterError
from .walk import PICTURES, VIDEOS

#: Rows above the header in which spreadsheets explain themselves: SAMM has 13.
HEADER_ROWS = 40


def decode(data: bytes) -> str:
    """Turn bytes into text, whatever system wrote them.

    Args:
        data (bytes): Content of a file: UTF-8 with or without a byte order
            mark, UTF-16 with one, or GB 18030 (which includes GBK).

    Returns:
        str: The text, with the line ends of the file.
    """
    if data.startswith((b'\xff\xfe', b'\xfe\xff')):
        return data.decode('utf-16')
    for encoding in ('utf-8-sig', 'gb18030'):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    # Latin-1 takes any byte; names and labels are ASCII in every release.
    return data.decode('latin-1')


def read_label_list(path: Path) -> List[Tuple[str, str]]:
    """Read a list of clips and labels.

    Understands a comma, a tab, a semicolon or spaces between the columns,
    with or without a header, and columns behind the label (captions).

    Args:
        path (Path): The list.

    Returns:
        list[tuple[str, str]]: Clip without the suffix of a video, and label
        as written.

    Raises:
        AdapterError: A line has no two columns, or there is no line.
    """
    rows = []
    for number, line in enumerate(decode(path.read_bytes()).splitlines(), 1):
        if not line.strip():
            continue
        cells = _cells(line)
        if len(cells) < 2:
            raise AdapterError(
                f'{path}: line {number} is {line.strip()!r}; expected a clip '
                'and a label, divided by a comma, a tab or a space')
        if not rows and _is_header(cells):
            continue
        rows.append((clip_key(cells[0]), cells[1]))
    if not rows:
        raise AdapterError(f'{path}: an empty list; get the file again')
    return rows


def _cells(line: str) -> List[str]:
    for delimiter in ('\t', ',', ';'):
        if delimiter in line:
            break
    else:
        delimiter = None  # Runs of spaces.
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _is_header(cells: Sequence[str]) -> bool:
    first, second = cells[0].lower(), cells[1].lower()
    return first in ('video_name', 'video', 'path', 'name', 'filename',
                     'file', 'clip', 'video_path') or \
        second in ('label', 'labels', 'id', 'emotion', 'expression')


def clip_key(name: str) -> str:
    """Drop the suffix of a clip and write its path in POSIX style.

    Args:
        name (str): For example '00025.mp4' or 'Action\\\\Sad\\\\0010'.

    Returns:
        str: For example '00025' or 'Action/Sad/0010'.
    """
    name = name.strip().replace('\\', '/').strip('/')
    for suffix in VIDEOS + PICTURES:
        if name.lower().endswith(suffix):
            return name[:-len(suffix)]
    return name


def label_base(labels: Iterable[int], count: int, where: str) -> int:
    """Find out whether classes are counted from 0 or from 1.

    Args:
        labels (Iterable[int]): All labels of all lists together.
        count (int): Number of classes.
        where (str): Name of the lists, for the message.

    Returns:
        int: 0 or 1.

    Raises:
        AdapterError: The labels fit neither way, or both ways.
    """
    found = sorted(set(labels))
    fits = [base for base in (0, 1)
            if found and base <= found[0] and found[-1] < base + count]
    if len(fits) == 1:
        return fits[0]
    problem = 'fit both' if fits else 'fit neither'
    raise AdapterError(
        f'{where}: the labels {found} {problem} 0..{count - 1} and '
        f'1..{count}; say `label_base=0` or 1')


def read_sheet(path: Path,
               columns: Dict[str, Sequence[str]]) -> List[Dict[str, Any]]:
    """Read some columns of a spreadsheet, wherever its header stands.

    Args:
        path (Path): A ``.xlsx`` file, or the same saved as ``.csv``.
        columns (dict[str, Sequence[str]]): Key to give, and how revisions of
            the sheet name the column; case, spaces and '_' do not matter.

    Returns:
        list[dict]: One dict of str per row whose first wanted column is not
        empty; empty cells are ''.

    Raises:
        AdapterError: No row names all columns, or openpyxl is missing.
    """
    rows = _sheet_rows(path)
    wanted = {key: {_plain(name) for name in names}
              for key, names in columns.items()}
    for number, row in enumerate(rows[:HEADER_ROWS]):
        header = [_plain(cell) for cell in row]
        places = {key: next((i for i, name in enumerate(header)
                             if name in names), None)
                  for key, names in wanted.items()}
        if None not in places.values():
            break
    else:
        raise AdapterError(
            f'{path}: none of the first {HEADER_ROWS} rows names the columns '
            f'{", ".join(names[0] for names in columns.values())}')
    first = next(iter(columns))
    found = [{key: row[i] if i < len(row) else '' for key, i in places.items()}
             for row in rows[number + 1:]]
    return [row for row in found if row[first]]


def _sheet_rows(path: Path) -> List[List[str]]:
    if path.suffix.lower() == '.csv':
        text = decode(path.read_bytes())
        delimiter = ';' if text.count(';') > text.count(',') else ','
        return [[cell.strip() for cell in row]
                for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise AdapterError(
            f'{path}: reading it needs openpyxl: pip install openpyxl; or '
            'save the sheet as .csv beside it') from None
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises what zip and XML raise.
        raise AdapterError(f'{path}: not a readable .xlsx file ({error})') \
            from None
    try:
        return [[_cell_text(cell) for cell in row]
                for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _cell_text(cell: Any) -> str:
    # Spreadsheets keep 46 as 46.0.
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return '' if cell is None else str(cell).strip()


def _plain(text: str) -> str:
    return re.sub(r'[\s_]+', '', text).lower()
