# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Feed damaged files and packets to the reader and watch what happens.

``python -m mmfer.testing.fuzz --files 2500 --packets 20000`` ends with exit
code 0 if nothing but the library's own errors came out, and no case took
longer than the limit. A crash or a hang of the decoder shows as the death of
this process: run it under a timeout.
"""

import argparse
import collections
import faulthandler
import os
import sys
import tempfile
import time
from dataclasses import replace

import numpy as np

from mmfer.codec import CompressedVideo, CompressedVideoError, VideoIndex

from .exactness import fingerprint
from .odd_streams import damaged, write_packed_b_avi
from .sources import restless
from .streams import write_video

FRAGMENTED = {'movflags': 'frag_keyframe+empty_moov'}

#: (coding, suffix, muxer options) of the clips that get damaged.
CLIPS = [('mpeg4', '.mp4', None), ('mpeg4', '.avi', None),
         ('mpeg4_qpel_4mv', '.mp4', FRAGMENTED), ('mpeg4', '.m4v', None),
         ('mpeg4_bframes', '.mkv', None), ('mpeg2_bframes', '.mpg', None),
         ('mpeg2', '.ts', None), ('h263', '.avi', None), ('flv1', '.flv', None),
         ('h264_deblock', '.mp4', None), ('h264_bframes', '.mkv', None),
         ('h264_default', '.mp4', FRAGMENTED), ('h264_cavlc', '.h264', None),
         ('h264_weighted', '.mov', None), ('h264_10bit', '.mp4', None),
         ('hevc', '.mp4', None), ('hevc_bframes', '.mkv', None)]


def make_clips(folder: str, count: int = 16) -> list:
    """Write the clips; returns (path, bytes) pairs."""
    paths = []
    for number, (coding, suffix, options) in enumerate(CLIPS):
        size = (176, 144) if coding == 'h263' else (72, 56)
        path = os.path.join(folder, f'{number:02d}_{coding}{suffix}')
        paths.append(
            write_video(path, restless(count, size, number), coding,
                        container_options=options))
    paths.append(
        write_packed_b_avi(os.path.join(folder, 'packed.avi'),
                           restless(13, (72, 56))))
    pairs = []
    for path in paths:
        with open(path, 'rb') as file:
            pairs.append((path, file.read()))
    return pairs


def read_everything(source) -> None:
    """Use every public way of reading; later ways run after earlier fail."""
    errors = []
    with CompressedVideo(source) as video:
        if not len(video):
            return

        def at(index):
            return min(index, len(video) - 1)

        ways = [
            lambda: video.picture_types, lambda: video.keyframes,
            lambda: video.residuals_at([0, at(3), -1]),
            lambda: video.residual_at(at(4), otherwise='pixels'),
            lambda: video.chained_at([at(5), at(9)]),
            lambda: video.chained_at([at(7)], start=at(2), pictures='all'),
            lambda: video.accumulated_at([at(6)]),
            lambda: video.frame_at(at(4))
        ]
        for way in ways:
            try:
                way()
            except CompressedVideoError as error:
                errors.append(error)
    if errors:
        raise errors[0]


def run_cases(cases, outcomes: collections.Counter, limit: float,
              progress: str) -> list:
    """Run (name, function) cases; returns descriptions of what is wrong."""
    wrong, last = [], time.monotonic()
    for number, (name, case) in enumerate(cases):
        begin = time.monotonic()
        try:
            case()
            outcomes['read'] += 1
        except CompressedVideoError as error:
            outcomes[type(error).__name__] += 1
            if '\n' in str(error):
                wrong.append(f'{name}: message of several lines: {error}')
        except Exception as error:  # whatever it is, it is a finding
            outcomes['WRONG ' + type(error).__name__] += 1
            wrong.append(f'{name}: {type(error).__name__}: {error}')
        took = time.monotonic() - begin
        if took > limit:
            wrong.append(f'{name}: took {took:.1f} s')
        if time.monotonic() - last > 10:
            last = time.monotonic()
            print(f'{progress} {number + 1}: {dict(outcomes)}',
                  file=sys.stderr, flush=True)
    return wrong


def file_cases(clips, count, first_seed):
    """Damage anywhere in the file, half of the cases in its first part."""
    for seed in range(first_seed, first_seed + count):
        path, data = clips[seed % len(clips)]
        last = 1500 if seed % 2 else None
        broken = damaged(data, seed, 1 + seed % 16, last=last)
        name = f'file {os.path.basename(path)} seed {seed}'
        yield name, lambda b=broken: read_everything(b)


def packet_cases(clips, count, first_seed):
    """An intact index over a file in which one packet is damaged."""
    indexed = [(path, data, VideoIndex.build(data)) for path, data in clips]
    for seed in range(first_seed, first_seed + count):
        path, data, index = indexed[seed % len(indexed)]
        number = int(np.random.default_rng(seed).integers(len(index.size)))
        at, size = int(index.position[number]), int(index.size[number])
        if at < 0:
            packet = damaged(index.payloads[number], seed, 1 + seed % 8)
            changed = replace(
                index, payloads={**index.payloads, number: packet})
            broken = data
        else:
            packet = damaged(data[at:at + size], seed, 1 + seed % 8)
            packet = packet[:size].ljust(size, b'\0')
            broken = data[:at] + packet + data[at + size:]
            changed = replace(index)  # which has learnt nothing yet
        shown = np.flatnonzero(index.order == number)
        wanted = tuple(int(i) for i in shown[:1]) or (0, )
        name = f'packet {number} of {os.path.basename(path)} seed {seed}'
        yield name, lambda b=broken, i=changed, w=wanted: read_packet(b, i, w)


def read_packet(source, index, wanted) -> None:
    """Read one picture alone, as part of a chain and with its neighbours.

    Raises:
        AssertionError: If its neighbours change what is read.
    """
    with CompressedVideo(source, index=index) as video:
        try:
            video.chained_at([min(len(video) - 1, wanted[0] + 1)],
                             start=max(0, wanted[0] - 1))
        except CompressedVideoError:
            pass
        _check_company(video, wanted)
        for number in wanted:
            video.residual_at(number)


def _check_company(video, wanted) -> None:
    """Check that a picture's neighbours do not change what is read of it."""
    last = len(video) - 1
    together = [min(last, wanted[0] + 2), max(0, wanted[0] - 1), *wanted]
    alone = [_told(video, [number]) for number in together]
    expected = next((one for one in alone if isinstance(one, str)),
                    [one[0] for one in alone])
    assert _told(video, together) == expected, (
        'read otherwise together than alone')


def _told(video, indices):
    """Return what is read: a list of fingerprints, or the error's name."""
    try:
        return [(fingerprint(residual), residual.damaged)
                for residual in video.residuals_at(indices)]
    except CompressedVideoError as error:
        return type(error).__name__


def main(argv=None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--files', type=int, default=2500)
    parser.add_argument('--packets', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--limit', type=float, default=10.0,
                        help='seconds that one case may take')
    parser.add_argument('--clips', help='folder for the intact clips; '
                        'default a temporary one')
    args = parser.parse_args(argv)
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as temporary:
        clips = make_clips(args.clips or temporary)
        begin, wrong = time.monotonic(), []
        for what, make, count in (('files', file_cases, args.files),
                                  ('packets', packet_cases, args.packets)):
            outcomes = collections.Counter()
            wrong += run_cases(make(clips, count, args.seed), outcomes,
                               args.limit, what)
            print(f'{count} damaged {what}: {dict(outcomes)}')
    for line in wrong[:40]:
        print('WRONG', line)
    print(f'{len(wrong)} wrong, {time.monotonic() - begin:.0f} s')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
