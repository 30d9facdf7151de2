# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Which person is tested in which fold.

All folds are subject-independent: a fold is a set of persons, and who is
tested never appears in training. They follow from nothing but the list of
persons, in the natural order of their ids (``s2`` before ``s10``), so that
two laboratories with the same release get the same folds without exchanging
a file or a random seed. A fold file can be written and published all the
same::

    subject,fold
    S005,1
    S010,2

Folds are counted from 1.
"""
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Tuple, Union

from mmfer.atomic import write_text
from .annotations import AnnotationError

#: How persons in natural order are dealt out to folds.
RULES = ('stride', 'contiguous')


def natural_key(text: str) -> Tuple[tuple, ...]:
    """Give the key that sorts numbers inside of names by their value.

    Args:
        text (str): A name.

    Returns:
        tuple: Comparable with the keys of all other names.

    Examples:
        >>> sorted(['s10', 's9', 'S1', 's09'], key=natural_key)
        ['S1', 's09', 's9', 's10']
    """
    text = str(text)
    parts = re.split(r'([0-9]+)', text)
    key = tuple((0, int(part), '') if number % 2 else (1, 0, part.lower())
                for number, part in enumerate(parts))
    # Names that differ in leading zeros or case only: the text decides.
    return key + ((2, 0, text), )


def order_subjects(subjects: Iterable[str]) -> List[str]:
    """Sort the persons of a data set, each named once.

    Args:
        subjects (Iterable[str]): One id per clip or person.

    Returns:
        list[str]: Natural order.

    Raises:
        ValueError: An id is missing; who it is cannot be guessed.
    """
    subjects = list(subjects)
    missing = sum(subject is None or subject == '' for subject in subjects)
    if missing:
        raise ValueError(
            f'{missing} of {len(subjects)} clips have no subject: folds by '
            'person need one for every clip')
    return sorted({str(subject) for subject in subjects}, key=natural_key)


def subject_folds(subjects: Iterable[str],
                  folds: Optional[int] = None,
                  rule: str = 'stride') -> Dict[str, int]:
    """Deal persons out to folds; no random numbers, so anybody gets the same.

    Args:
        subjects (Iterable[str]): Person of every clip, in any order; repeats
            do not count.
        folds (int, optional): How many, between 2 and the number of persons.
            Defaults to None: one per person (leave one subject out).
        rule (str): With persons in natural order, 'stride' puts every
            ``folds``-th one together (the usual way for CK+: ids ascending,
            step 10); 'contiguous' puts neighbours together, of which later
            folds take the remainder (91 persons in 5 folds: 18, 18, 18, 18,
            19). Defaults to 'stride'.

    Returns:
        dict[str, int]: Fold of each person, from 1, in natural order.

    Raises:
        ValueError: A clip has no person, there are fewer persons than folds,
            or the rule is unknown.

    Examples:
        >>> subject_folds(['s3', 's1', 's10', 's2'], 2)
        {'s1': 1, 's2': 2, 's3': 1, 's10': 2}
        >>> subject_folds(['s3', 's1', 's10', 's2'], 2, 'contiguous')
        {'s1': 1, 's2': 1, 's3': 2, 's10': 2}
        >>> subject_folds(['sub10', 'sub02', 'sub10'])
        {'sub02': 1, 'sub10': 2}
    """
    ordered = order_subjects(subjects)
    count = len(ordered)
    if folds is None:
        folds = count
    if rule not in RULES:
        raise ValueError(f"`rule` is 'stride' or 'contiguous', not {rule!r}")
    if not 2 <= folds <= count:
        raise ValueError(
            f'{folds} folds of {count} persons: the number of folds is '
            'between 2 and the number of persons')
    if rule == 'stride':
        return {name: rank % folds + 1 for rank, name in enumerate(ordered)}
    starts = [fold * count // folds for fold in range(folds + 1)]
    return {
        name: fold + 1
        for fold in range(folds)
        for name in ordered[starts[fold]:starts[fold + 1]]
    }


def protocol_folds(subjects: Iterable[str], protocol: str) -> Dict[str, int]:
    """Make the folds that a protocol's name asks for.

    Args:
        subjects (Iterable[str]): One id per clip or person, in any order.
        protocol (str): 'loso', '10-fold' (rule 'stride') or
            '10-fold-contiguous', with any number of folds.

    Returns:
        dict[str, int]: Fold of each person, from 1, in natural order.

    Raises:
        ValueError: Another name, or too few persons.

    Examples:
        >>> protocol_folds(['a', 'b'], 'loso')
        {'a': 1, 'b': 2}
    """
    if protocol == 'loso':
        return subject_folds(subjects)
    match = re.fullmatch(r'([0-9]+)-fold(?:-(stride|contiguous))?',
                         protocol)
    if not match:
        raise ValueError(
            f"protocol {protocol!r}: expected 'loso', or a number of folds "
            "such as '10-fold' or '10-fold-contiguous'")
    return subject_folds(subjects, int(match[1]), match[2] or 'stride')


def split_subjects(subjects: Iterable[str],
                   shares: Mapping[str, float]) -> Dict[str, str]:
    """Divide persons among splits, every split with at least one.

    Args:
        subjects (Iterable[str]): One id per clip or person, in any order.
        shares (Mapping[str, float]): Split to its share of the persons, such
            as ``dict(train=.7, val=.1, test=.2)``; scaled to a sum of 1.

    Returns:
        dict[str, str]: Split of each person, contiguous in natural order.

    Raises:
        ValueError: A share that is not positive, or too few persons.

    Examples:
        >>> split_subjects(['s1', 's2', 's3', 's4'], dict(train=.5, test=.5))
        {'s1': 'train', 's2': 'train', 's3': 'test', 's4': 'test'}
    """
    ordered = order_subjects(subjects)
    count = len(ordered)
    if not shares or min(shares.values()) <= 0:
        raise ValueError(f'shares of persons are positive, got {dict(shares)}')
    if count < len(shares):
        raise ValueError(f'{count} persons cannot fill the {len(shares)} '
                         f'splits {", ".join(shares)}')
    # One person each; the others go where most is missing.
    total = sum(shares.values())
    sizes = {name: 1 for name in shares}
    for _ in range(count - len(shares)):
        wanted = max(
            shares, key=lambda n: shares[n] / total * count - sizes[n])
        sizes[wanted] += 1
    names = [name for name, size in sizes.items() for _ in range(size)]
    return dict(zip(ordered, names))


def write_folds(path: Union[str, Path], folds: Mapping[str, int]) -> None:
    """Write a fold file that can be published.

    Args:
        path (str | Path): A ``.csv`` file; replaced in one go.
        folds (Mapping[str, int]): Fold of each person.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('subject', 'fold'))
    for name in sorted(folds, key=natural_key):
        writer.writerow((name, folds[name]))
    write_text(path, text.getvalue())


def read_folds(path: Union[str, Path]) -> Dict[str, int]:
    """Read a fold file.

    Args:
        path (str | Path): A ``.csv`` file with the columns subject and fold.

    Returns:
        dict[str, int]: Fold of each person, in natural order.

    Raises:
        FileNotFoundError: There is no such file.
        AnnotationError: A column is missing, a fold is no number, or a person
            is in two folds.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such fold file')
    text = path.read_text(encoding='utf-8-sig')
    reader = csv.DictReader(io.StringIO(text))
    if not {'subject', 'fold'} <= set(reader.fieldnames or ()):
        raise AnnotationError(
            f'{path}: the first line has to name the columns subject,fold')
    folds: Dict[str, int] = {}
    for row in reader:
        name, fold = row['subject'], row['fold']
        if not name or not re.fullmatch('[0-9]+', str(fold)):
            raise AnnotationError(
                f'{path}: line {reader.line_num}: a subject and the number of '
                f'its fold are needed, got {name!r} and {fold!r}')
        if folds.setdefault(name, int(fold)) != int(fold):
            raise AnnotationError(
                f'{path}: subject {name} is in the folds {folds[name]} and '
                f'{fold}')
    return {name: folds[name] for name in sorted(folds, key=natural_key)}


def fold_sizes(folds: Mapping[str, int]) -> Dict[int, int]:
    """Count the persons of each fold.

    Args:
        folds (Mapping[str, int]): Fold of each person.

    Returns:
        dict[int, int]: Persons per fold, folds ascending.
    """
    return dict(sorted(Counter(folds.values()).items()))
