# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How long does it take from a file to a prediction?

Times models of this project against mmaction2's RGB networks behind decord,
in the same runtime (torch against torch, int8 against int8), from the path of
a clip to probabilities, by stage. All pipelines run in random order within
each round; ratios hold within one run only. Before anything is timed, read
pictures and exported networks are verified; who does not agree is left out.

With a data set, the accuracy of every own model on the test split is measured
in every runtime and printed beside its time. Peers have random weights: their
times are measured, their accuracy is not. render.py makes the tables.
"""
import argparse
import os
import sys

from measuring import (file_facts, load_note, machine, measure, one_thread,
                       run_and_report, versions)

RUNTIMES = ('torch', 'onnx-fp32', 'onnx-int8', 'openvino-fp32',
            'openvino-bf16', 'openvino-int8')
PEER_NAMES = ('TSN-R18', 'TSN-R50', 'X3D-S', 'SlowOnly-R50')
EXAMPLES = """example:
  python tools/benchmark/infer.py --data-root data/synthetic_faces \\
      --model mifer-s=configs/mifer/mifer-....py,work_dirs/s/epoch_24.pth \\
      --twin rgb=configs/residual/...-rgb.py,work_dirs/rgb/epoch_24.pth \\
      --runtimes torch openvino-int8 --out infer.json
  python tools/benchmark/render.py infer.json
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--model', action='append', default=[], metavar='NAME=CONFIG[,PTH]',
        help='a model of this project; without PTH with random weights; may '
        'be repeated')
    parser.add_argument(
        '--twin', action='append', default=[], metavar='NAME=CONFIG[,PTH]',
        help='the same on true pictures, which decord reads')
    parser.add_argument('--peers', nargs='*', choices=PEER_NAMES,
                        default=list(PEER_NAMES))
    parser.add_argument('--runtimes', nargs='+', choices=RUNTIMES,
                        default=['torch'])
    parser.add_argument(
        '--data-root', metavar='FOLDER',
        help='data set of the models: accuracy and calibration')
    parser.add_argument(
        '--clip', action='append', default=[],
        help='a video to time; may be repeated (default: test clips of '
        '--data-root; without one, a synthetic face of 3 s, 224x224, H.264)')
    parser.add_argument('--clips', type=int, default=4,
                        help='how many test clips (default: 4)')
    parser.add_argument('--rounds', type=int, default=12)
    parser.add_argument('--calibration-clips', type=int, default=64)
    parser.add_argument('--threads', type=int, default=1,
                        help='of every library; 0: as they like (default: 1)')
    parser.add_argument('--device', default='cpu',
                        help="of torch: 'cpu', or 'cuda' if there is one")
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', help='JSON file for every sample')
    args = parser.parse_args(argv)
    if not args.model:
        parser.error('give at least one --model')
    return args


def parse_model(text):
    """Split NAME=CONFIG[,CHECKPOINT]."""
    name, _, files = text.partition('=')
    config, _, checkpoint = files.partition(',')
    for path in filter(None, (config, checkpoint)):
        if not os.path.isfile(path):
            sys.exit(f'{path}: no such file')
    if not config:
        sys.exit(f'{text}: give NAME=CONFIG or NAME=CONFIG,CHECKPOINT')
    return name, config, checkpoint or None


def clips_to_time(args, folder, configs):
    """Paths of the clips; label of the group."""
    if args.clip:
        return args.clip, 'given clips'
    if args.data_root:
        from mmfer.deployment.exporter import test_samples
        dataset = test_samples(configs[0])
        chosen = [int((i + .5) * len(dataset) / args.clips)
                  for i in range(args.clips)]
        return ([str(dataset.get_data_info(i)['filename']) for i in chosen],
                'test clips')
    from mmfer.codec import transcode
    from mmfer.testing import face_like
    path = os.path.join(folder, 'face.mp4')
    transcode(face_like(75, (224, 224), noise=3.5), path, codec='h264',
              profile='stock')
    return [path], 'synthetic face, 3 s'


def configs_of(args, texts):
    """Read configs and point them to the data."""
    from mmengine.config import Config
    found = []
    for name, path, checkpoint in map(parse_model, texts):
        cfg = Config.fromfile(path)
        for split in ('train', 'test'):
            if args.data_root:
                cfg[f'{split}_dataloader'].dataset.data_root = args.data_root
        found.append((name, cfg, checkpoint))
    return found


def make_contestants(args):
    """Ours, their RGB twins and mmaction2's."""
    from contestants import Contestant
    from pipelines import (peer_config, peer_pipeline, residual_pipeline,
                           rgb_twin_pipeline)
    contestants = []
    for make, texts in ((residual_pipeline, args.model),
                        (rgb_twin_pipeline, args.twin)):
        for name, cfg, checkpoint in configs_of(args, texts):
            contestants.append(Contestant(make(name, cfg), cfg, checkpoint))
    count = contestants[0].cfg.model.cls_head.num_classes
    for name in args.peers:
        contestants.append(
            Contestant(peer_pipeline(name), peer_config(name, count)))
    return contestants


def run(args, folder):
    """Prepare, verify, time."""
    import cv2
    import torch

    from mmfer.codec import CompressedVideo
    from mmfer.deployment.exporter import calibration_batches
    from contestants import measure_accuracy, verify_reading
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    load, notes = os.getloadavg(), load_note()
    contestants = make_contestants(args)
    paths, label = clips_to_time(args, folder, [contestants[0].cfg])
    clips = [dict(file_facts(path), name=os.path.basename(path))
             for path in paths]
    with CompressedVideo(paths[0]) as video:
        clips[0].update(codec=video.codec, pictures=len(video),
                        size=[video.width, video.height])

    def pictures(indices):
        import numpy as np
        with CompressedVideo(paths[0]) as video:
            return np.stack(video.frames_at(indices)).astype(int)

    calls, models, left_out = {}, {}, {}
    for contestant in contestants:
        name = contestant.pipeline.name
        print(f'preparing {name}', file=sys.stderr, flush=True)
        reason = verify_reading(contestant, paths[0], pictures)
        if reason:
            left_out[name] = reason
            continue
        if contestant.checkpoint and args.data_root:
            samples = calibration_batches(
                contestant.cfg, args.calibration_clips)
        else:
            samples = [contestant.pipeline.sample(path) for path in paths]
        contestant.prepare(args.runtimes, samples, folder,
                           args.threads or None, args.device)
        if contestant.checkpoint and args.data_root:
            measure_accuracy(contestant)
        for runtime, reason in contestant.left_out.items():
            left_out[f'{name} | {runtime}'] = reason
        models[name] = contestant.facts(
            contestant.pipeline.sample(paths[0]))
        for runtime, network in contestant.networks.items():
            calls[f'{name} | {runtime}'] = \
                contestant.pipeline.bind(paths, network)
    print(f'timing {len(calls)} pipelines', file=sys.stderr, flush=True)
    return dict(
        benchmark='infer', machine=machine(load), threads=args.threads,
        device=args.device, rounds=args.rounds, seed=args.seed, label=label,
        clips=clips, models=models, left_out=left_out, notes=notes,
        samples=measure(calls, args.rounds, args.seed),
        versions=versions('av', 'numpy', 'cv2', 'torch', 'decord', 'mmaction',
                          'onnxruntime', 'openvino', 'nncf'))


def main(argv=None):
    args = parse_args(argv)
    if args.threads == 1:
        one_thread()
    import mmfer  # noqa: F401, repairs the stack before it is imported
    import torch
    if args.device != 'cpu' and not torch.cuda.is_available():
        print('no GPU here: nothing was timed', file=sys.stderr)
        return 0
    from render import render_infer
    return run_and_report(run, args, render_infer)


if __name__ == '__main__':
    sys.exit(main())
