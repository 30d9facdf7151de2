# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Check on your own files that residuals are exact and deterministic.

    python tools/verify_exactness.py clip.mp4 another.avi

For every predicted picture the residual is compared with picture minus
prediction, both taken from an ordinary decode: the prediction is computed in
numpy from the exported motion vectors (H.264 after switching the loop filter
of that one picture off; explicit weights are parsed), or, where numpy cannot
(sizes that are no multiple of 16, interlaced pictures, global motion), taken
from the decoder with its inverse transform switched off. Counted are inter
samples that saturate nowhere ("compared", and their share of all samples of
the predicted pictures). "weighted" is the share of pictures with explicit
weights in their header. Residuals are then read again in three shuffled
orders, which must give the same bytes. Works on Linux and macOS (it forks).
"""

import argparse
import os
import random
import sys
import time

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.command_line import whole_number
from mmfer.testing import check_file, fingerprint
from mmfer.testing.full_decode import decode_all

COLUMNS = ('file', 'codec', 'pictures', 'P', 'read', 'proof', 'compared',
           'exact', 'worst picture', 'weighted', 'damaged', 'deterministic')


def shuffled_reads_agree(path, indices, orders=3, seed=0):
    """Share of pictures that give the same bytes in every order, 0..1."""
    known, different = {}, set()
    for number in range(orders):
        order = list(indices)
        random.Random(seed + number).shuffle(order)
        with CompressedVideo(path) as video:
            for index in order:
                try:
                    mark = fingerprint(video.residual_at(index, 'error'))
                except CompressedVideoError as error:
                    mark = type(error).__name__
                if known.setdefault(index, mark) != mark:
                    different.add(index)
    return 1 - len(different) / max(1, len(indices))


def proof_for(path, video):
    """'numpy', 'decoder', or None where no independent prediction exists."""
    if video.codec == 'h264':
        return 'numpy'
    if video.codec == 'hevc':
        return None
    index = video.index
    plain = not (index.width % 16 or index.height % 16)
    if not plain or 'S' in video.picture_types:
        return 'decoder'
    if any(picture.interlaced for picture in decode_all(path)):
        return 'decoder'
    return 'numpy'


def examine(path, limit, orders):
    """All facts about one file, as a dict with the table's columns."""
    with CompressedVideo(path) as video:
        if video.rotation:
            raise CompressedVideoError(
                f'{path}: is stored turned by {video.rotation} degrees; '
                'remove the display matrix first, the check compares '
                'pictures as coded')
        kinds = video.picture_types
        predicted = [i for i, kind in enumerate(kinds) if kind in 'PS']
        readable, failures = [], []
        for index in predicted:
            try:
                video.residual_at(index, 'error')
                readable.append(index)
            except CompressedVideoError as error:
                failures.append(error)
        facts = {
            'file': os.path.basename(path), 'codec': video.codec,
            'pictures': len(kinds), 'P': len(predicted),
            'read': share(len(readable), len(predicted)),
            'proof': proof_for(path, video) or 'none', 'compared': '-',
            'exact': '-', 'worst picture': '-', 'weighted': '-', 'damaged': '-',
        }
        if facts['proof'] != 'none':
            facts.update(compare(path, video, facts['proof'], limit))
    facts['deterministic'] = share(
        round(shuffled_reads_agree(path, readable, orders) * len(readable)),
        len(readable))
    return facts, failures


def compare(path, video, proof, limit):
    """The columns that need the independent prediction."""
    everything = [
        a for a in check_file(path, lambda i: video.residual_at(i, 'error'),
                              proof, limit) if sum(a.total)
    ]
    # Errors in the stream are concealed differently with true references.
    agreements = [a for a in everything if not a.damaged]
    right = sum(sum(a.right) for a in agreements)
    total = sum(sum(a.total) for a in agreements)
    residual = next(iter(video.residuals_at([a.index for a in agreements[:1]])),
                    None)
    area = len(agreements) * sum(
        p.size for p in (residual.y, residual.u, residual.v)) if total else 1
    worst = min(agreements, key=lambda a: a.share, default=None)
    return {
        'compared': f'{total / 1e6:.2f} M ({100 * total / area:.1f} %)',
        'exact': share(right, total),
        'worst picture': '-' if worst is None else
        f'{worst.index}: {share(sum(worst.right), sum(worst.total))}',
        'weighted': share(sum(a.weighted for a in agreements),
                          len(agreements)),
        'damaged': len(everything) - len(agreements),
    }


def share(part, whole):
    """'99.98 %', never rounded up to 100 when something is missing."""
    if not whole:
        return '-'
    if part == whole:
        return '100 %'
    return f'{min(99.9999, 100 * part / whole):.4f} %'


def markdown(rows):
    """A table with aligned columns."""
    cells = [COLUMNS] + [tuple(str(row[c]) for c in COLUMNS) for row in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(COLUMNS))]
    lines = [
        '| ' + ' | '.join(c.ljust(w) for c, w in zip(r, widths)) + ' |'
        for r in cells
    ]
    lines.insert(1, '|' + '|'.join('-' * (w + 2) for w in widths) + '|')
    return '\n'.join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('files', nargs='+')
    parser.add_argument('--limit', type=whole_number(1), default=10**9, metavar='N',
                        help='compare the first N pictures only')
    parser.add_argument('--orders', type=whole_number(1), default=3,
                        help='shuffled orders to read in (default 3)')
    args = parser.parse_args(argv)
    rows, bad = [], 0
    for path in args.files:
        begin = time.monotonic()
        try:
            row, failures = examine(path, args.limit, args.orders)
        except (CompressedVideoError, OSError) as error:
            print(error, file=sys.stderr)
            bad += 1
            continue
        rows.append(row)
        bad += row['exact'] not in ('-', '100 %') and float(
            row['exact'].split()[0]) < 99.9
        bad += row['deterministic'] not in ('-', '100 %')
        print(f'{path}: {time.monotonic() - begin:.1f} s', file=sys.stderr)
        for failure in failures[:5]:
            print(f'  not read: {failure}', file=sys.stderr)
    if rows:
        print(markdown(rows))
    return 1 if bad else 0


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
