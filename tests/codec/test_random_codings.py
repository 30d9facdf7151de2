# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Random encoder settings, random sizes, random containers: still exact.

``MMFER_LONG_FUZZ=1`` tries 150 settings of each family instead of eight.
"""

import os
import random

import pytest

from mmfer.codec import CompressedVideo
from mmfer.testing import (Recipe, face_like, fading, interlace, panning,
                           restless, write_video, x264)
from mmfer.testing.exactness import check_file
from mmfer.testing.full_decode import decode_all

LONG = os.environ.get('MMFER_LONG_FUZZ', '') not in ('', '0')
SEEDS = range(150 if LONG else 8)

#: x264 option -> values; one is drawn for each.
ALWAYS = {
    'cabac': (0, 1), 'ref': (1, 2, 3, 5, 16), 'weightp': (0, 1, 2),
    '8x8dct': (0, 1), 'slices': (1, 1, 2, 4),
    'deblock': ('0,0', '-2,3', '6,6'), 'b-pyramid': (0, 1, 2),
    'weightb': (0, 1), 'direct': ('none', 'spatial', 'temporal', 'auto'),
    # Blocks below 8x8 are left out: FFmpeg does not export their vectors.
    'partitions': ('none', 'p8x8,b8x8,i8x8,i4x4', 'i4x4'),
    'me': ('dia', 'hex', 'umh'), 'subme': (1, 3, 7, 9), 'aq-mode': (0, 1, 2)
}
#: x264 option -> value, each switched on with probability 1/6.
SOMETIMES = {
    'no-deblock': 1, 'constrained-intra': 1, 'aud': 1, 'intra-refresh': 1,
    'scenecut': 40, 'open-gop': 1, 'trellis': 0, 'stitchable': 1,
    'pic-struct': 1, 'chroma-qp-offset': 4,
    'nal-hrd': 'vbr:vbv-maxrate=500:vbv-bufsize=500'
}


def random_h264(rng):
    """A recipe and a suffix."""
    chosen = {key: rng.choice(values) for key, values in ALWAYS.items()}
    chosen.update({k: v for k, v in SOMETIMES.items() if rng.random() < 1 / 6})
    recipe = x264(
        ':'.join(f'{k}={v}' for k, v in chosen.items()),
        crf=rng.choice((10, 20, 30, 40)), gop=rng.choice((3, 12, 20, 60)),
        bframes=rng.choice((0, 0, 0, 2, 3, 8)),
        pix_fmt=rng.choice(('yuv420p', ) * 5 + ('yuv422p', 'yuv444p',
                                                'yuv420p10le', 'yuvj420p')))
    return recipe, rng.choice(('.mp4', '.mp4', '.mov', '.mkv', '.ts', '.flv'))


def random_mpeg(rng):
    """A recipe and a suffix."""
    codec = rng.choice(('mpeg4', ) * 4 + ('mpeg2video', 'mpeg1video', 'flv',
                                          'h263p'))
    flags, options = '', {'sc_threshold': '1000000000'}
    if codec == 'mpeg4':
        for flag in ('mv4', 'qpel', 'aic', 'ildct', 'ilme'):
            flags += f'+{flag}' if rng.random() < .3 else ''
        for key, value in (('mpeg_quant', '1'), ('ps', '200')):
            if rng.random() < .25:
                options[key] = value
    elif codec == 'mpeg2video' and rng.random() < .5:
        flags = '+ildct+ilme'
    elif codec == 'h263p':
        flags = rng.choice(('+mv4', '+aic', '+mv4+aic'))
    for key, value in (('mbd', '2'), ('trellis', '1')):
        if rng.random() < .3:
            options[key] = value
    if flags:
        options['flags'] = flags
    suffixes = {
        'flv': ('.flv', ), 'h263p': ('.avi', ),
        'mpeg1video': ('.mpg', '.mkv', '.mp4'),
        'mpeg2video': ('.ts', '.mp4', '.mkv')
    }.get(codec, ('.mp4', '.mkv', '.avi', '.mov', '.m4v'))
    b = rng.choice((0, 0, 1, 2)) if codec[:4] == 'mpeg' else 0
    return Recipe(codec, rng.choice((4, 12, 30)), b, rng.choice((2, 4, 8, 20)),
                  options), rng.choice(suffixes)


def random_frames(rng, codec):
    sizes = ((96, 80), (64, 64), (98, 34), (128, 96))
    size = rng.choice(sizes + (() if codec == 'h263p' else
                               ((90, 74), (36, 20))))
    if codec == 'h263p':  # coded in steps of four
        size = size[0] // 4 * 4, size[1] // 4 * 4
    count, seed = rng.choice((8, 20, 40)), rng.randrange(10**6)
    make = rng.choice(('restless', 'face', 'fade', 'interlaced', 'wild'))
    if make == 'restless':
        return restless(count, size, seed)
    if make == 'wild':
        return restless(count, size, seed, 50)
    if make == 'face':
        return face_like(count, size, seed, 4)
    if make == 'fade':
        return fading(count, size, seed)
    return interlace(panning(2 * count, size, (1.3, .4), seed))


@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('family', ['h264', 'mpeg'])
def test_exact_and_in_order(tmp_path, family, seed):
    rng = random.Random(f'{family} {seed}')
    coding, suffix = (random_h264 if family == 'h264' else random_mpeg)(rng)
    path = write_video(tmp_path / f'clip{suffix}',
                       random_frames(rng, coding.codec), coding)
    pictures = decode_all(path)
    kinds = ''.join(p.picture_type for p in pictures)
    with CompressedVideo(path, otherwise='error') as video:
        assert video.picture_types == kinds, coding
        agreements = list(
            check_file(path, video.residual_at,
                       'numpy' if family == 'h264' else 'decoder'))
    assert len(agreements) == kinds.count('P')
    for a in agreements:
        assert a.right == a.total, (a, coding)
        if sum(a.total):
            assert not a.damaged, (a, coding)
        else:  # wholly intra, or saturated everywhere
            assert wholly_intra(pictures[a.index]), (a, coding)


def wholly_intra(picture):
    """Tell whether nearly no sample of a true picture is inter."""
    vectors = picture.vectors
    return (vectors['w'].astype(int) * vectors['h']).sum() < 1024
