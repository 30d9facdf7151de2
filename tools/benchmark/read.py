# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How long does it take to read a few residuals, against reading RGB?

    python tools/benchmark/read.py --out read.json

Clips are made at run time from a seeded synthetic face (MPEG-4 with GOP 12,
H.264 with the encoder's defaults), several of each coding that are read in
turn, as a training does; ``--clip`` adds your own. Each method goes from a
path to arrays of N uniformly sampled pictures, opening included, decoders on
one thread. All methods run in random order within each round, so
that a busy machine slows all of them; ratios hold within one run only. RGB
readers must agree on the pictures and residual readers on the residuals
before any is timed; who does not agree is left out. CPU time is that of this
process and its children, all threads.
"""

import argparse
import os
import statistics
import sys
import tempfile

from measuring import (file_facts, load_note, machine, measure, one_thread,
                       versions)

one_thread()

import numpy as np  # noqa: E402

from mmfer.atomic import write_json  # noqa: E402
from mmfer.codec import CompressedVideo, transcode  # noqa: E402
from mmfer.command_line import whole_number  # noqa: E402
from mmfer.testing import face_like  # noqa: E402
from readers import BASE, DECORD, make_readers  # noqa: E402

#: Whose versions are noted.
LIBRARIES = ('av', 'numpy', 'decord', 'cv2', 'torch', 'torchcodec',
             'mmaction')


def disqualified(results):
    """Names and reasons of readers that do not agree with the first.

    Args:
        results (dict): name -> (kind, list of arrays).

    Returns:
        dict[str, str]: RGB may differ by two levels on average (conversion),
        residuals not at all; nothing but motion may be all zero.
    """
    out, reference = {}, {}
    for name, (kind, arrays) in results.items():
        stack = np.stack([np.asarray(a) for a in arrays]).astype(np.int32)
        if kind != 'motion' and not stack.any():
            out[name] = 'all zero'
            continue
        first = reference.setdefault(kind, stack)
        limit = {'rgb': 2.0}.get(kind, 0.0)
        if first.shape != stack.shape:
            out[name] = f'shape {stack.shape}, expected {first.shape}'
        elif np.abs(first - stack).mean() > limit:
            off = [round(float(x), 1) for x in
                   np.abs(first - stack).mean((1, 2, 3)[:stack.ndim - 1])]
            out[name] = f'other pictures than PyAV, mean differences {off}'
    return out


def make_clips(folder, pictures, size, count):
    """Write the standard clips; returns label -> list of paths."""
    clips = {'MPEG-4, GOP 12': [], 'H.264, defaults': []}
    for seed in range(count):
        # With this grain the bytes a picture are those of talking faces.
        frames = face_like(pictures, (size, size), seed=seed, noise=3.5)
        for paths, name, options in zip(
                clips.values(), ('mpeg4', 'h264'),
                (dict(codec='mpeg4', gop=12),
                 dict(codec='h264', profile='stock'))):
            path = os.path.join(folder, f'{name}-{seed}.mp4')
            transcode(frames, path, **options)
            paths.append(path)
    return clips


def verify(path, readers, indices):
    """Read one clip with all readers.

    Returns:
        dict[str, str]: Names and reasons of those that fail or disagree.
    """
    results, failed = {}, {}
    for reader in readers:
        try:
            results[reader.name] = (reader.kind,
                                    reader.bind([path], indices)())
        except Exception as error:
            failed[reader.name] = f'{type(error).__name__}: {error}'
    failed.update(disqualified(results))
    return failed


def benchmark_clips(paths, readers, samples, rounds, seed):
    """Verify, then time, all readers on clips of one coding and length."""
    with CompressedVideo(paths[0]) as video:
        count = len(video)
        facts = dict(codec=video.codec, width=video.width,
                     height=video.height, pictures=count)
    # Middle of equal segments, as in testing.
    indices = [int((i + .5) * count / samples) for i in range(samples)]
    failed = {}
    for path in paths:
        failed.update(verify(path, readers, indices))
    calls = {r.name: r.bind(paths, indices) for r in readers
             if r.name not in failed}
    facts.update(file_facts(paths[0]), files=[file_facts(p) for p in paths],
                 indices=indices, left_out=failed,
                 kinds={r.name: r.kind for r in readers if r.name in calls},
                 samples=measure(calls, rounds, seed))
    return facts


def render(report):
    """Markdown: a table for each clip, the ratios, the notes."""
    lines = [
        f'{report["machine"]["processor"]}, {report["machine"]["cores"]} '
        f'cores, load {report["machine"]["load"][0]:.1f}; '
        f'{report["rounds"]} interleaved rounds, 1 thread; '
        f'{report["asked"]} pictures a clip.', ''
    ]
    for label, clip in report['clips'].items():
        lines += [
            f'**{label}** ({clip["pictures"]} pictures '
            f'{clip["width"]}x{clip["height"]}, {clip["codec"]}, '
            f'{clip["bytes"] / 1e6:.2f} MB, {len(clip.get("files", [0]))} '
            'in turn)', '',
            '| method | CPU ms, median | quartiles | wall ms, median | '
            f'CPU time / {BASE} |', '|---|---|---|---|---|'
        ]
        base = statistics.median(clip['samples'][BASE]['cpu'])
        for name, sample in sorted(
                clip['samples'].items(),
                key=lambda item: statistics.median(item[1]['cpu'])):
            low, middle, high = np.percentile(sample['cpu'], (25, 50, 75))
            lines.append(
                f'| {name} | {middle:.2f} | {low:.2f} - {high:.2f} | '
                f'{statistics.median(sample["wall"]):.2f} | '
                f'{middle / base:.1f} |')
        lines.append('')
        for what, ratio in ratios(clip).items():
            lines.append(f'* {what}: **{ratio:.1f}x** the CPU time of {BASE}')
        lines += [f'* {n} left out: {why}'
                  for n, why in clip['left_out'].items()] + ['']
    return '\n'.join(lines + [f'* {note}' for note in report['notes']])


def ratios(clip):
    """Headline ratios of one clip: medians of CPU time."""
    middle = {n: statistics.median(s['cpu'])
              for n, s in clip['samples'].items()}
    out = {}
    if DECORD in middle:
        out[DECORD] = middle[DECORD] / middle[BASE]
    rgb = {n: t for n, t in middle.items() if clip['kinds'][n] == 'rgb'}
    if rgb:
        best = min(rgb, key=rgb.get)
        out[f'best RGB reader ({best})'] = rgb[best] / middle[BASE]
    return out


def add_clip_options(parser, clips):
    """Add what says which clips `make_clips` makes, and what is read.

    Args:
        parser (ArgumentParser): Of the command.
        clips (int): How many of each coding by default.
    """
    parser.add_argument('--asked', type=whole_number(1), default=8,
                        metavar='N',
                        help='pictures read from each clip (default: 8)')
    parser.add_argument('--pictures', type=whole_number(2), default=300,
                        help='length of the clips made here (default: 300)')
    parser.add_argument('--clips', type=whole_number(1), default=clips,
                        help='clips of each coding made here, read in turn '
                        f'(default: {clips})')
    parser.add_argument('--size', type=whole_number(16), default=224,
                        help='their width and height (default: 224)')


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--out', help='JSON file for every sample')
    parser.add_argument('--rounds', type=int, default=15)
    add_clip_options(parser, clips=4)
    parser.add_argument('--clip', action='append', default=[],
                        help='a video of yours; may be repeated')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    readers, notes = make_readers()
    load = os.getloadavg()
    notes += load_note()
    report = dict(
        benchmark='read', machine=machine(load),
        rounds=args.rounds, asked=args.asked, seed=args.seed, clips={},
        notes=notes)
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(folder, args.pictures, args.size, args.clips)
        clips.update({os.path.basename(path): [path] for path in args.clip})
        for label, paths in clips.items():
            print(f'timing {label} ...', file=sys.stderr, flush=True)
            report['clips'][label] = benchmark_clips(
                paths, readers, args.asked, args.rounds, args.seed)
    report['versions'] = versions(*LIBRARIES)
    if args.out:
        write_json(args.out, report)
    print(render(report))
    return 0


if __name__ == '__main__':
    sys.exit(main())
