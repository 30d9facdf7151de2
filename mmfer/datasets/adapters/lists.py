# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Official lists of clips and labels: found, read, named, cross-checked."""
import re
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..findings import Finding
from .folds import folds_from_lists
from .layout import AdapterError, locate
from .tables import decode, label_base, read_label_list
from .words import expression_name

#: Clip and label as written.
Rows = List[Tuple[str, str]]


def find_lists(root: Path, title: str, patterns: Sequence[str],
               roles: Sequence[str],
               folds: Optional[int] = None) -> Dict[tuple, Path]:
    """Find the list of every role and fold.

    Args:
        root (Path): Folder of the release.
        title (str): Name of the data set, for the message.
        patterns (Sequence[str]): Glob patterns with '{role}' and '{fold}',
            best first; the first that fits serves all.
        roles (Sequence[str]): For example 'test' and 'train'; only the first
            one must be there.
        folds (int, optional): Number of folds. Defaults to None, no folds.

    Returns:
        dict[tuple, Path]: List by (role, fold); fold is 0 without folds.

    Raises:
        AdapterError: A list of the first role is missing.
    """
    numbers = range(1, folds + 1) if folds else (0, )

    def found_with(pattern, role, fold):
        return locate(root, [pattern.format(role=role, fold=fold)],
                      required=False)

    chosen = next((p for p in patterns
                   if found_with(p, roles[0], numbers[0])), None)
    if chosen is None:
        looked = [p.format(role=roles[0], fold=numbers[0]) for p in patterns]
        raise AdapterError(f'{root}: no {title} lists; looked for '
                           f'{", ".join(looked)} there and up to two folders '
                           'deeper')
    lists = {}
    for role in roles:
        for fold in numbers:
            found = found_with(chosen, role, fold)
            if found:
                lists[role, fold] = found[0]
            elif role == roles[0]:
                missing = chosen.format(role=role, fold=fold)
                raise AdapterError(f'{root}: the {title} list {missing} is '
                                   f'missing; all {len(numbers)} are needed')
    return lists


def read_class_index(path: Path) -> Dict[int, str]:
    """Read which number stands for which expression.

    Args:
        path (Path): Lines as 'Angry 0' or "0: 'Anger',".

    Returns:
        dict[int, str]: Common name of each number.

    Raises:
        AdapterError: A line does not say it.
    """
    names = {}
    for line in decode(path.read_bytes()).splitlines():
        number, word = re.search(r'\d+', line), re.search(r'[A-Za-z_]+', line)
        name = expression_name(word[0]) if number and word else None
        if name and names.setdefault(int(number[0]), name) != name:
            raise AdapterError(
                f'{path}: {int(number[0])} is {names[int(number[0])]} and '
                f'{name}; keep the right line')
        if not name and line.strip():
            raise AdapterError(f'{path}: {line.strip()!r} does not name an '
                               'expression and its number')
    return names


def as_number(label: str) -> Optional[int]:
    """Read a label as the number of a class.

    Args:
        label (str): As written: '3', or '3.0' as data frames store a column
            of numbers that had a gap.

    Returns:
        int | None: None if it is no whole number.
    """
    match = re.fullmatch(r'(-?[0-9]+)(?:\.0*)?', label)
    return int(match[1]) if match else None


def name_labels(rows: Rows, where: str, order: Sequence[str] = (),
                base: Optional[int] = None) -> Tuple[Rows, List[str]]:
    """Turn labels as written into common names.

    Args:
        rows (list): Clips and labels of all lists that are of one kind.
        where (str): Name of the lists, for messages.
        order (Sequence[str]): Classes by number, for lists with numbers.
            Defaults to none.
        base (int, optional): Number of the first class. Defaults to None,
            found out.

    Returns:
        tuple: Rows with common names, and the clips whose label is no
        expression.

    Raises:
        AdapterError: The lists hold numbers and nobody knows their meaning.
    """
    numbers = [as_number(label) for _, label in rows]
    if None not in numbers:
        if not order:
            raise AdapterError(
                f'{where}: the labels are numbers and this data set has no '
                'order of its own; put the table of numbers and names beside '
                'the lists, or say `label_order`')
        if base is None:
            base = label_base(numbers, len(order), where)
        elif not base <= min(numbers) <= max(numbers) < base + len(order):
            raise AdapterError(
                f'{where}: labels from {min(numbers)} to {max(numbers)} are '
                f'not {len(order)} classes counted from {base}')
        return [(clip, order[number - base])
                for (clip, _), number in zip(rows, numbers)], []
    named = [(clip, expression_name(label)) for clip, label in rows]
    return ([(clip, name) for clip, name in named if name],
            [f'{clip} ({label})' for (clip, label), (_, name) in zip(
                rows, named) if not name])


def read_lists(root: Path, title: str, lists: Mapping[tuple, Path],
               order: Sequence[str] = (), base: Optional[int] = None
               ) -> Tuple[Dict[tuple, Rows], List[Finding]]:
    """Read all lists of a data set.

    Args:
        root (Path): Folder of the release.
        title (str): Name of the data set, for messages.
        lists (Mapping[tuple, Path]): As :func:`find_lists` gives them.
        order, base: See :func:`name_labels`.

    Returns:
        tuple: dict[tuple, list] (clips and common names by role and fold),
        and list[Finding] (labels that are no expression, clips with two).
    """
    raw = {key: read_label_list(path) for key, path in lists.items()}
    unknown: List[str] = []
    # Labels of a clip in the lists of a role, each once.
    labels: Dict[str, Dict[str, List[str]]] = {}
    for role in dict.fromkeys(role for role, _ in lists):
        keys = [key for key in lists if key[0] == role]
        # One list may lack the first or the last class; all lists of a role
        # together show how classes are counted.
        together = [row for key in keys for row in raw[key]]
        where = str(lists[keys[0]]) + (
            f' and {len(keys) - 1} more' if len(keys) > 1 else '')
        named, wrong = name_labels(together, where, order, base)
        unknown += wrong
        labels[role] = {}
        for clip, label in named:
            known = labels[role].setdefault(clip, [])
            if label not in known:
                known.append(label)
    findings = []
    if unknown:
        findings.append(Finding(
            'warning', 'unknown-label',
            f'{title}: {len(unknown)} labels are no expression',
            'their clips are left out; compare with the official lists',
            unknown))
    decided, more = _decide(title, labels)
    read = {
        key: [(clip, labels[key[0]][clip][0]
               if len(labels[key[0]][clip]) == 1 else decided[clip])
              for clip, _ in rows
              if clip in labels[key[0]] and clip in decided]
        for key, rows in raw.items()
    }
    return read, findings + more


def _decide(title: str, labels: Mapping[str, Mapping[str, Sequence[str]]]
            ) -> Tuple[Dict[str, str], List[Finding]]:
    """Give the label of every clip: the first role that has the clip says."""
    decided: Dict[str, str] = {}
    undecided: Dict[str, str] = {}
    conflicts: Dict[str, str] = {}
    for role, of_clip in labels.items():
        for clip, found in of_clip.items():
            if clip in undecided:
                continue
            if clip in decided:
                every = dict.fromkeys([decided[clip], *found])
                if len(every) > 1:
                    conflicts[clip] = f'{clip} ({" and ".join(every)})'
            elif len(found) > 1:
                undecided[clip] = f'{clip} ({" and ".join(found)})'
            else:
                decided[clip] = found[0]
    return decided, [
        Finding('error', 'label-conflict',
                f'{title}: {len(items)} clips have different labels in {text}',
                advice, items.values())
        for items, text, advice in (
            (undecided, 'lists of one kind',
             'they are left out; get the official lists again'),
            (conflicts, 'the test and training lists',
             'the test lists count; are the lists of two publications '
             'mixed?'))
        if items
    ]


def folds_and_labels(title: str, read: Mapping[tuple, Rows]
                     ) -> Tuple[Dict[str, Tuple[str, int]], List[Finding]]:
    """Give label and fold of every clip.

    Args:
        title (str): Name of the data set, for messages.
        read (Mapping[tuple, list]): As :func:`read_lists` gives it, with the
            roles 'test' and 'train'.

    Returns:
        tuple: dict[str, tuple[str, int]] and list[Finding], see
        :func:`~mmfer.datasets.adapters.folds.folds_from_lists`.
    """
    def clips(role):
        return {fold: [clip for clip, _ in rows]
                for (which, fold), rows in read.items() if which == role}

    fold_of, findings = folds_from_lists(title, clips('test'), clips('train'))
    label_of: Dict[str, str] = {}
    for (role, _), rows in read.items():
        if role == 'test':
            for clip, label in rows:
                label_of.setdefault(clip, label)
    return {clip: (label_of[clip], fold)
            for clip, fold in fold_of.items()}, findings
