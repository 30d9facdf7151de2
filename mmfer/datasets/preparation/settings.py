# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How clips are made."""
from dataclasses import asdict, dataclass, field
from typing import Any, Dict

CROPS = ('clip', 'frame', 'none')
NO_FACE = ('skip', 'frame', 'centre')


@dataclass(frozen=True)
class Settings:
    """How clips are made; what is stored and compared on resuming.

    Args:
        crop (str): 'clip' (one box per clip), 'frame' (the box follows the
            face) or 'none'. Defaults to 'clip'.
        margin (float): See :func:`.crop.clip_box`. Defaults to 0.3.
        detector (str): See :func:`.detectors.build_detector`.
            Defaults to 'haar'.
        samples (int): Pictures of a clip that are searched for a face, at
            least, with 'clip'. Defaults to 12.
        no_face (str): Clips without a face: 'skip' keeps them out, 'frame'
            takes the whole picture, 'centre' the square in its middle.
            Defaults to 'skip'.
        keep_short (bool): Whether clips with fewer than two predicted
            pictures are kept. Defaults to False.
        frame_order (str): Order of pictures in folders: 'natural' or
            'lexicographic'. Defaults to 'natural'.
        digest (bool): Whether the SHA-256 of every source is noted.
            Defaults to False.
        suffix (str): Container of the clips. Defaults to '.mp4'.
        encoding (dict): Arguments of :func:`mmfer.codec.transcode`: codec,
            gop, qscale, crf, size, fps, profile, options.
    """

    crop: str = 'clip'
    margin: float = .3
    detector: str = 'haar'
    samples: int = 12
    no_face: str = 'skip'
    keep_short: bool = False
    frame_order: str = 'natural'
    digest: bool = False
    suffix: str = '.mp4'
    encoding: Dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (('crop', CROPS), ('no_face', NO_FACE)):
            if getattr(self, name) not in known:
                raise ValueError(f'`{name}` is one of {", ".join(known)}, got '
                                 f'{getattr(self, name)!r}')
        if self.samples < 1 or not 0 <= self.margin <= 10:
            raise ValueError('`samples` is at least 1 and `margin` in 0..10, '
                             f'got {self.samples} and {self.margin}')

    def to_dict(self) -> Dict[str, Any]:
        """Give plain types, without what has no effect.

        Returns:
            dict: As stored beside the clips.
        """
        content = asdict(self)
        if self.crop == 'none':
            for name in ('margin', 'detector', 'samples', 'no_face'):
                del content[name]
        elif self.crop == 'frame':
            del content['samples']
        return content
