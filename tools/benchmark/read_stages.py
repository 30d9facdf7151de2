# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Where does the time of reading a few residuals go?

Times the whole call and, on the same clips in the same rounds, its parts on
their own: what FFmpeg needs for the packets is the bound that no change of
the reader gets below. The parts are timed apart from each other, so that what
is left over is a difference of medians, not a measurement.
"""
import argparse
import sys
import tempfile
import time

from measuring import load_note, one_thread

one_thread()

import numpy as np  # noqa: E402

from mmfer.atomic import write_json  # noqa: E402
from mmfer.codec import CompressedVideo, VideoIndex  # noqa: E402
from mmfer.codec.bytesource import ByteReader  # noqa: E402
from mmfer.codec.frame_residual import vector_data  # noqa: E402
from mmfer.codec.grey import planes  # noqa: E402
from mmfer.codec.grey_decoder import grey_options  # noqa: E402
from mmfer.codec.motion import VectorList  # noqa: E402
from mmfer.codec.packets import PREDICTED, PacketReader  # noqa: E402
from mmfer.codec.stack_decoder import StackDecoder  # noqa: E402
from mmfer.command_line import whole_number  # noqa: E402
from read import add_clip_options, make_clips  # noqa: E402

EXAMPLES = """example:
  python tools/benchmark/read_stages.py --pictures 75 --rounds 200
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=whole_number(1), default=200)
    add_clip_options(parser, clips=2)
    parser.add_argument('--out', help='JSON file for every sample')
    return parser.parse_args(argv)


def stages(path, asked, decoders):
    """Read one clip as a whole and part by part.

    Args:
        path (str): The clip.
        asked (int): Pictures, the middles of equal segments.
        decoders (dict): Keeps a decoder for each coding.

    Returns:
        dict[str, float]: CPU milliseconds.
    """
    clock, times = time.thread_time, {}

    def timed(name, call):
        begin = clock()
        result = call()
        times[name] = 1e3 * (clock() - begin)
        return result

    index = VideoIndex.build(path)
    indices = [int((i + .5) * len(index) / asked) for i in range(asked)]

    def whole():
        with CompressedVideo(path) as video:
            return [r.y for r in video.residuals_at(indices)]

    timed('whole', whole)
    timed('open and index', lambda: CompressedVideo(path).close())
    reader = ByteReader(path)
    packets = PacketReader(reader, index)
    bits = packets.bitstream

    stacker = bits.stacker

    def find():
        parts = []
        for picture in indices:
            number = int(packets.order[packets.nearest(picture, PREDICTED)])
            parts.append(stacker.part(
                packets.headers(number) + packets.data(number)))
        return parts[0][0], [part for _, part in parts]

    key, parts = timed('find packets, read headers', find)
    stack = timed('make one of them', lambda: stacker.packet(key, parts))
    coding = stacker.coding(key, len(parts))
    if coding not in decoders:
        decoders[coding] = StackDecoder(bits.codec, coding,
                                        grey_options(bits))
    frame = timed('bare FFmpeg calls',
                  lambda: decoders[coding].decode(stack))
    timed('vectors to a mask', lambda: VectorList(
        [vector_data(frame)], frame.height, frame.width).covered_blocks())
    timed('luma to int16', lambda: np.subtract(
        planes(frame, 8)[0], 128, dtype=np.int16, casting='unsafe'))
    reader.close()
    return times


def render(report):
    """Markdown: medians, a row for each part, a column for each coding."""
    codings = list(report['codings'])
    medians = {
        label: {name: float(np.median([s[name] for s in samples]))
                for name in samples[0]}
        for label, samples in report['codings'].items()
    }
    for values in medians.values():
        parts = sum(values.values()) - values['whole']
        values['left over (difference)'] = values['whole'] - parts
    names = [n for n in medians[codings[0]] if n != 'whole'] + ['whole']
    lines = ['| CPU ms, median | ' + ' | '.join(codings) + ' |',
             '|---' * (len(codings) + 1) + '|']
    lines += [
        f'| {name} | ' + ' | '.join(
            f'{medians[label][name]:.2f}' for label in codings) + ' |'
        for name in names
    ]
    return '\n'.join(lines + [f'* {note}' for note in report['notes']])


def main(argv=None):
    args = parse_args(argv)
    report = dict(benchmark='read_stages', rounds=args.rounds,
                  asked=args.asked, pictures=args.pictures, codings={},
                  notes=load_note())
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(folder, args.pictures, args.size, args.clips)
        decoders = {}
        for label in clips:
            stages(clips[label][0], args.asked, decoders)  # warms up
            report['codings'][label] = []
        for number in range(args.rounds):
            for label, paths in clips.items():
                report['codings'][label].append(stages(
                    paths[number % len(paths)], args.asked, decoders))
    if args.out:
        write_json(args.out, report)
    print(render(report))
    return 0


if __name__ == '__main__':
    sys.exit(main())
