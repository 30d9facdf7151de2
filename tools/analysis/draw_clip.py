# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Draw pictures of a clip beside their residuals and motion.

    python tools/analysis/draw_clip.py clip.mp4 --pictures 5 20 35 --out x.png

The rows are the true picture, the residual of its packet, the chained
residual and the accumulated motion (hue: direction, strength: length; orange:
not predicted).
"""
import argparse
import sys

import cv2

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.command_line import whole_number
from mmfer.visualization import draw_clip


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('clip')
    parser.add_argument(
        '--pictures', type=int, nargs='+', metavar='INDEX',
        help='display indices (default: six, evenly spread)')
    parser.add_argument(
        '--start', type=int, default=0, help='where the chain begins (0)')
    parser.add_argument('--scale', type=whole_number(1), default=1,
        help='pixels for each pixel (1)')
    parser.add_argument(
        '--out', default='clip.png', help='the picture (clip.png), replaced '
        'if it exists')
    return parser.parse_args()


def main():
    args = parse_args()
    try:
        pictures = args.pictures
        if not pictures:
            with CompressedVideo(args.clip) as video:
                count = len(video)
            pictures = [(2 * k + 1) * count // 12 for k in range(6)]
        drawn = draw_clip(args.clip, pictures, args.start, args.scale)
    except (CompressedVideoError, OSError, IndexError) as error:
        sys.exit(f'error: {error}')
    try:
        written = cv2.imwrite(args.out, drawn[..., ::-1])
    except cv2.error:  # a suffix that OpenCV does not know
        written = False
    if not written:
        sys.exit(f'error: {args.out}: cannot be written; use a name in .png')
    print(args.out)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
