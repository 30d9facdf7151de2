# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What can be said about a release: its clips, protocols, size and folders."""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union


@dataclass(frozen=True)
class SourceClip:
    """One clip of an official release.

    Args:
        name (str): POSIX path without suffix that is unique in the data set;
            names the clip that is made of it, e.g. 'Action/Sad/0010'.
        source (Path): Video file, folder of pictures, or zip archive.
        label (str): Class name.
        member (str): File or folder inside the archive. Defaults to ''.
        frames (tuple[str]): Names of the picture files to take, in order.
            Defaults to (), all that the folder holds, in natural order.
        subject (str, optional): Who is seen. Defaults to None, not known.
        split (str, optional): 'train', 'val' or 'test'. Defaults to None.
        fold (int, optional): Fold in which the clip is tested, from 1.
            Defaults to None.
        apex, onset, offset (int, optional): Display index within the clip
            that is made of ``frames``, from 0. Default to None.
        extra (dict): Whatever else is known: scene, intensity, sex, ...
    """

    name: str
    source: Path
    label: str
    member: str = ''
    frames: Tuple[str, ...] = ()
    subject: Optional[str] = None
    split: Optional[str] = None
    fold: Optional[int] = None
    apex: Optional[int] = None
    onset: Optional[int] = None
    offset: Optional[int] = None
    extra: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """A way to train and test on a data set.

    Args:
        kind (str): 'split' (clips carry ``split``), 'folds' (official lists
            say in which fold a clip is tested) or 'subjects' (folds are made
            of whole persons; with ``folds=None`` each person is a fold).
        description (str): One line for people.
        folds (int, optional): How many. Defaults to None.
        rule (str): With 'subjects', how persons are dealt out, see
            :func:`mmfer.datasets.folds.subject_folds`.
            Defaults to 'stride'.
    """

    kind: str
    description: str
    folds: Optional[int] = None
    rule: str = 'stride'


@dataclass(frozen=True)
class Expected:
    """How much a complete copy holds, and who says so.

    Args:
        source (str): Where the numbers come from.
        clips (int, optional): Number of clips. Defaults to None, not known.
        classes (Mapping[str, int]): Clips per class. Defaults to none.
        splits (Mapping[str, int]): Clips per split. Defaults to none.
        folds (Mapping[int, int]): Clips tested per fold. Defaults to none.
        subjects (int, optional): Number of persons. Defaults to None.
    """

    source: str
    clips: Optional[int] = None
    classes: Mapping[str, int] = field(default_factory=dict)
    splits: Mapping[str, int] = field(default_factory=dict)
    folds: Mapping[int, int] = field(default_factory=dict)
    subjects: Optional[int] = None


@dataclass(frozen=True)
class Place:
    """One kind of clips in a release, e.g. the official face crops.

    Args:
        patterns (tuple[str | tuple[str]]): Folders or zip archives below the
            root, as glob patterns, best first; '.zip' is tried after each by
            itself, and '{name}' stands for the variant of that name. A tuple
            in place of a pattern: all of these belong together.
        depth (int): Parts of a path that name a clip. Defaults to 1.
        crop (str): Face crop that these clips need: 'clip' (one box per clip)
            or 'none' (they are faces already). Defaults to 'clip'.
        frame_rate (float): Pictures per second of picture folders; videos
            know their own. Defaults to 25.
        note (str): What one should know about them. Defaults to ''.
        apart (bool): Whether folders that belong together may hold different
            clips of one name. Defaults to False.
    """

    patterns: Tuple[Union[str, Tuple[str, ...]], ...]
    depth: int = 1
    crop: str = 'clip'
    frame_rate: float = 25.
    note: str = ''
    apart: bool = False
