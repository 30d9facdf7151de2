# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How many training clips a second does a core prepare?

Compares the training pipeline of a config with mmaction2's on decoded RGB
(decord, as its TSN configs ship it, and once more at our picture size), on
clips of 3 s, with 0, 1, 2 … worker processes. A sample is all that a training
step gets, pictures and labels. It reaches the training process as the configs
of each have it: ours in shared memory that is used again, theirs by mmengine's
collate function; and each once more by the other's. CPU time is that of all
processes, without their start: clips per second *per core* is clips by CPU
seconds. The order of the loaders is drawn anew in each round.
"""
import argparse
import os
import random
import sys
import time

from measuring import (file_facts, load_note, machine, one_thread,
                       run_and_report, versions)

EXAMPLES = """example:
  python tools/benchmark/train_loader.py --workers 1 2 --out loader.json
  python tools/benchmark/train_loader.py --clip mine.mp4
"""
OURS = 'mmfer residuals'
_WARM_UP = 4


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--workers', nargs='+', type=int, default=[1, 2])
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--batches', type=int, default=4,
                        help=f'timed batches in a round, behind {_WARM_UP} a '
                        'worker to warm up (default: 4)')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--pictures', type=int, default=75,
                        help='length of the clips made here (default: 75)')
    parser.add_argument('--size', type=int, default=224,
                        help='their width and height (default: 224)')
    parser.add_argument('--codecs', nargs='+', choices=('h264', 'mpeg4'),
                        default=['h264'])
    parser.add_argument('--clip', action='append', default=[],
                        help='a video of yours instead; may be repeated')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', help='JSON file for every sample')
    args = parser.parse_args(argv)
    if min(args.workers) < 0 or min(args.rounds, args.batches) < 1:
        parser.error('--workers is at least 0, --rounds and --batches 1')
    return args


def training_pipelines(size):
    """Training pipelines by name, all with eight pictures a clip.

    Args:
        size (int): Side of the clips; crops are 6/7 of it.

    Returns:
        dict[str, tuple]: mmaction2's and ours: list[dict], and the name of
        the collate function.
    """
    crop = size * 6 // 7

    def residuals(**reader):
        return [
            dict(type='mmfer.OpenCompressedVideo'),
            dict(type='mmfer.SampleSegments', num_segments=8),
            dict(type='mmfer.ReadResiduals', channels='y', **reader),
            dict(type='RandomCrop', size=crop),
            dict(type='mmfer.FlipResidual', flip_ratio=.5),
            dict(type='mmfer.ResidualScale', gain=(.8, 1.25)),
            dict(type='mmfer.FormatResidual', input_format='NCHW'),
            dict(type='PackActionInputs')
        ]

    decoding = [
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=8),
        dict(type='DecordDecode')
    ]
    flipping = [
        dict(type='Flip', flip_ratio=.5),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs')
    ]
    cropped = decoding + [dict(type='RandomCrop', size=crop)] + flipping
    resized = decoding + [
        dict(type='Resize', scale=(-1, 256)),
        dict(type='MultiScaleCrop', input_size=224,
             scales=(1, .875, .75, .66), random_crop=False,
             max_wh_scale_gap=1),
        dict(type='Resize', scale=(224, 224), keep_ratio=False)
    ] + flipping
    ours, theirs = 'mmfer.shared_memory_collate', 'pseudo_collate'
    return {
        OURS: (residuals(mode='single'), ours),
        f'{OURS}, mmengine collate': (residuals(mode='single'), theirs),
        'mmfer chained + motion':
        (residuals(mode='chained', motion=True), ours),
        'decord, same crop': (cropped, theirs),
        'decord, same crop, mmfer collate': (cropped, ours),
        'decord, mmaction2 TSN': (resized, theirs),
    }


class Clips:
    """Endless clips, as a data set gives them.

    Args:
        paths (list[str]): Files, in turn.
        steps (list[dict]): Training pipeline.
        length (int): Items.
    """

    def __init__(self, paths, steps, length):
        from mmengine.dataset import Compose
        from mmengine.registry import DefaultScope
        self.paths, self.length = paths, length
        with DefaultScope.overwrite_default_scope('mmaction'):
            self.steps = Compose(steps)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return self.steps(
            dict(filename=self.paths[index % len(self.paths)],
                 label=index % 7, start_index=0, modality='RGB'))


class Timed:
    """A collate function whose batches tell what they cost.

    Args:
        collate (str): Its registered name.
    """

    def __init__(self, collate):
        from mmengine.registry import FUNCTIONS
        self.collate = FUNCTIONS.get(collate)

    def __call__(self, samples):
        batch = self.collate(samples)
        # CPU time of this process so far: the last one of each counts.
        return batch, os.getpid(), time.process_time()


def load(paths, steps, collate, workers, batch_size, batches):
    """Time one pass.

    Args:
        paths (list[str]): Clips.
        steps (list[dict]): Training pipeline.
        collate (str): Name of the function that makes batches.
        workers (int): Processes; 0 loads in this one.
        batch_size (int): Clips a batch.
        batches (int): Batches that count. `_WARM_UP` batches a worker come
            before, until it has the memory it needs, as in most of a training.

    Returns:
        dict: ``clips``, ``cpu`` and ``wall`` seconds.
    """
    from torch.utils.data import DataLoader
    ahead = _WARM_UP * max(1, workers)
    loader = iter(DataLoader(
        Clips(paths, steps, (batches + ahead) * batch_size), batch_size,
        num_workers=workers, collate_fn=Timed(collate),
        prefetch_factor=1 if workers else None))
    started = {}
    for _ in range(ahead):
        _, process, seconds = next(loader)
        started[process] = seconds
    last, begin = dict(started), time.perf_counter()
    cpu, count = time.process_time(), 0
    for batch, process, seconds in loader:
        last[process] = seconds
        count += len(batch['data_samples'])
    wall = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    if workers:
        cpu += sum(last[p] - started.get(p, 0.) for p in last)
    return dict(clips=count, cpu=cpu, wall=wall)


def make_clips(args, folder):
    """Label and paths of each group of clips."""
    if args.clip:
        return {'given clips': args.clip}
    from mmfer.codec import transcode
    from mmfer.testing import face_like
    options = dict(h264=dict(codec='h264', profile='stock'),
                   mpeg4=dict(codec='mpeg4', gop=12))
    groups = {}
    for codec in args.codecs:
        groups[codec] = []
        for seed in range(4):
            path = os.path.join(folder, f'{codec}-{seed}.mp4')
            transcode(face_like(args.pictures, (args.size, args.size),
                                seed=seed, noise=3.5), path, **options[codec])
            groups[codec].append(path)
    return groups


def run(args, folder):
    """Time all loaders on all groups of clips."""
    import cv2
    import torch

    from mmfer.codec import CompressedVideo
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    load_before, notes = os.getloadavg(), load_note()
    rng, groups = random.Random(args.seed), {}
    for label, paths in make_clips(args, folder).items():
        with CompressedVideo(paths[0]) as video:
            size = min(video.width, video.height)
            facts = dict(codec=video.codec, pictures=len(video),
                         size=[video.width, video.height])
        pipelines = training_pipelines(size)
        samples = {}
        for number in range(args.rounds):
            order = [(name, workers) for name in pipelines
                     for workers in args.workers]
            rng.shuffle(order)
            for name, workers in order:
                measured = load(paths, *pipelines[name], workers,
                                args.batch_size, args.batches)
                samples.setdefault(f'{name} | {workers}', []).append(measured)
            print(f'{label}: round {number + 1} of {args.rounds}',
                  file=sys.stderr, flush=True)
        groups[label] = dict(facts, files=[file_facts(p) for p in paths],
                             samples=samples)
    return dict(
        benchmark='train_loader', machine=machine(load_before), base=OURS,
        rounds=args.rounds, batch_size=args.batch_size, groups=groups,
        notes=notes,
        versions=versions('av', 'numpy', 'cv2', 'torch', 'decord',
                          'mmaction'))


def main(argv=None):
    args = parse_args(argv)
    one_thread()
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from mmaction.utils import register_all_modules
    register_all_modules(init_default_scope=False)
    from render import render_train_loader
    return run_and_report(run, args, render_train_loader)


if __name__ == '__main__':
    sys.exit(main())
