# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Predict facial expressions in files, folders, cameras and streams.

Exit code 0: every file has an answer; 1: nothing could be predicted; 2: wrong
options; 3: some files have no answer, or a result could not be written, stderr
says why; 130: interrupted (what was predicted until then is written)."""
import argparse
import os
import sys

from mmfer.command_line import (INTERRUPTED, PIPE_CLOSED, positive_number, run,
                                whole_number)

EXAMPLES = """examples:
  # one clip: a table, and a time line with a window every second
  python tools/predict.py config.py epoch_24.pth talk.mp4 --window 2 --stride 1

  # everything that can be written about it
  python tools/predict.py config.py epoch_24.pth talk.mp4 --window 2 \\
      --json talk.json --csv talk.csv --plot talk.png --video talk_faces.mp4

  # clips that show nothing but a face
  python tools/predict.py config.py epoch_24.pth clips/ --crop none

  # very many files: results are kept as they come, the same command goes on
  python tools/predict.py config.py epoch_24.pth 'archive/**/*.mp4' \\
      --workers 8 --jsonl results.jsonl
  RAY_ADDRESS=head:6379 python tools/predict.py config.py epoch_24.pth \\
      /shared/archive --engine ray --workers 64 --jsonl results.jsonl

  # the first camera, and a network camera, for a minute each
  python tools/predict.py config.py epoch_24.pth 0 --seconds 60
  python tools/predict.py config.py epoch_24.pth rtsp://camera/live --seconds 60
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='of the training')
    parser.add_argument('checkpoint', help='.pth, or an exported .onnx, '
                        '.xml or .torchscript')
    parser.add_argument('inputs', nargs='+', metavar='INPUT',
                        help='file, folder, pattern; or one number of a '
                        'camera, device, or address')
    parser.add_argument('--quiet', action='store_true',
                        help='no progress and no table')

    group = parser.add_argument_group('prediction')
    group.add_argument('--window', type=positive_number, metavar='SECONDS',
                       help='that are classified together (default: the '
                       'whole file; 2 for cameras and addresses)')
    group.add_argument('--stride', type=positive_number, metavar='SECONDS',
                       help='from one window to the next (default: --window)')
    group.add_argument('--device', default='cpu',
                       help='cpu, cuda, cuda:1 … or auto (cpu)')
    group.add_argument('--batch-size', type=whole_number(1), default=8,
                       metavar='N', help='windows that go through the '
                       'network together (8)')
    group.add_argument('--threads', type=whole_number(1), metavar='N',
                       help='of the network (default: as many as PyTorch '
                       'takes; with workers 1 in each)')

    group = parser.add_argument_group('faces')
    group.add_argument('--crop', choices=('auto', 'none', 'face'),
                       default='auto', help='auto takes square pictures up to '
                       '256 pixels for cropped ones')
    group.add_argument('--detector', help='haar (default), haar:FILE.xml, '
                       'yunet:FILE.onnx or python:MODULE:NAME')
    group.add_argument('--first-faces-only', action='store_true',
                       help='look for faces until there is one, not on every '
                       'I picture')
    group.add_argument('--max-faces', type=whole_number(1), default=8,
                       metavar='N')
    group.add_argument('--clip-size', type=whole_number(1), metavar='PIXELS',
                       help='side of the clips of the training (default: '
                       'known from the checkpoint or the pipeline)')

    group = parser.add_argument_group('results')
    group.add_argument('--json', metavar='FILE', help='everything')
    group.add_argument('--csv', metavar='FILE', help='a row for each window')
    group.add_argument('--plot', metavar='FILE', help='time line as .png, '
                       '.pdf or .svg; with several files a folder')
    group.add_argument('--video', metavar='FILE', help='.mp4 with boxes, '
                       'labels and residuals; with several files a folder')

    group = parser.add_argument_group('many files')
    group.add_argument('--workers', type=whole_number(), default=0,
                       metavar='N', help='processes (0: this one)')
    group.add_argument('--engine', choices=('local', 'ray'), default='local',
                       help='ray needs mmfer[bulk]')
    group.add_argument('--jsonl', metavar='FILE', help='a line for each file '
                       'as soon as it is done; an interrupted run is '
                       'continued')

    group = parser.add_argument_group('cameras and addresses')
    group.add_argument('--seconds', type=positive_number,
                       help='stop after so much')
    group.add_argument('--input-format', metavar='NAME',
                       help="FFmpeg's name of a format or kind of device")
    group.add_argument('--input-option', action='append', default=[],
                       metavar='NAME=VALUE', help='such as '
                       'video_size=640x480; repeatable')
    group.add_argument('--encode', choices=('h264', 'mpeg4'),
                       help='encode the pictures anew even if the packets of '
                       'the source could be used')
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser, args):
    from mmfer.apis.clip_sources import is_stream
    args.live = bool(args.input_format) or any(map(is_stream, args.inputs))
    wrong = [text for text in args.input_option if '=' not in text]
    if wrong:
        parser.error(f'--input-option {wrong[0]}: expected NAME=VALUE')
    if args.live:
        if len(args.inputs) > 1:
            parser.error('a camera or an address is predicted alone')
        for name in ('video', 'jsonl'):
            if getattr(args, name):
                parser.error(f'--{name} is for files; save the stream first')
        if args.workers or args.engine == 'ray':
            parser.error('--workers and --engine are for files')
    elif args.seconds or args.input_option or args.encode:
        parser.error('--seconds, --input-option and --encode are for cameras '
                     'and addresses')
    args.many = bool(args.workers or args.jsonl or args.engine == 'ray')
    if args.threads is not None and args.many:
        parser.error('--threads is not for many files')
    if args.engine == 'ray' and not args.workers:
        parser.error('--engine ray needs some --workers')


def _settings(args):
    return dict(
        config=args.config, checkpoint=args.checkpoint, device=args.device,
        window=args.window, stride=args.stride, crop=args.crop,
        detector=args.detector, batch_size=args.batch_size,
        redetect=not args.first_faces_only, max_faces=args.max_faces,
        clip_size=args.clip_size)


def _predict_many(args, sink):
    from mmfer.apis.engines import predict_many
    from mmfer.progress import ProgressLine
    line = []

    def progress(done, total):
        if not line:
            line.append(ProgressLine('predict', total, done, 'files',
                                     shown=not args.quiet))
        line[0].step(done - line[0].done)

    try:
        predict_many(_settings(args), args.inputs, args.engine, args.workers,
                     args.jsonl, progress=progress, answers=sink)
    finally:
        if line:
            line[0].__exit__()


def _predict_here(args, sink):
    from mmfer.apis import FERInferencer
    from mmfer.apis.unfinished import Unfinished
    from mmfer.progress import ProgressLine
    inferencer = FERInferencer(**_settings(args))
    unfinished, alone = Unfinished(), len(args.inputs) == 1
    line = [] if alone else [ProgressLine(
        'predict', len(args.inputs), unit='files', shown=not args.quiet)]

    def on_window(clip):
        unfinished(clip)
        if alone:
            if not line:
                line.append(ProgressLine(
                    'predict', clip.planned, unit='windows',
                    shown=not args.quiet))
            # Several faces share a window.
            line[0].step(clip.read_windows - line[0].done)

    try:
        for clip in inferencer.iterate(args.inputs, on_window):
            sink.append(clip)
            unfinished.done(clip)
            if not alone:
                line[0].step()
    finally:
        sink += unfinished.predictions()
        for one in line:
            one.__exit__()


def _predict_live(args, sink):
    from mmfer.apis import FERInferencer
    from mmfer.apis.clip_progress import ClipProgress
    from mmfer.apis.live import live_windows
    inferencer = FERInferencer(**_settings(args))
    clip = ClipProgress(args.inputs[0], inferencer.classes)
    try:
        for window in live_windows(
                inferencer, args.inputs[0], args.seconds, args.input_format,
                dict(text.split('=', 1) for text in args.input_option),
                args.encode, clip=clip):
            clip.keep(window)
            if not args.quiet:
                best = int(window.scores.argmax())
                print(f'{window.start:8.2f} s  face {window.face}  '
                      f'{inferencer.classes[best]} '
                      f'{window.scores[best]:.3f}', flush=True)
    finally:
        clip.is_read = True
        sink.append(clip.prediction())


def _plan(args):
    """List the inputs, and the files that are written about them."""
    from mmfer.apis.clip_sources import expand_inputs
    from mmfer.apis.output_plan import OutputPlan
    from mmfer.apis.run_files import detector_files, model_files
    names = args.inputs if args.live else [
        name for name, _ in expand_inputs(args.inputs)]
    used = [args.config, *model_files(args.checkpoint),
            *detector_files(args.detector)]
    return names, OutputPlan(names, used, args.json, args.csv, args.jsonl,
                             args.plot, args.video)


def _check_detector(args):
    """Make the detector once: better told here than after some files."""
    from mmfer.datasets.preparation.detectors import (DetectorError,
                                                      build_detector)
    if not args.detector or args.crop == 'none':
        return
    try:
        build_detector(args.detector)
    except (DetectorError, OSError) as error:
        sys.exit(f'error: {error}')
    except Exception as error:  # of somebody else's code
        sys.exit(f'error: --detector {args.detector}: cannot be made '
                 f'({type(error).__name__}: {error})')


def _warn_of_the_config(args):
    """Its weights may fit a network that is shown something else."""
    from mmfer.apis.network import checkpoint_doubt
    doubt = checkpoint_doubt(args.config, args.checkpoint)
    if doubt:
        print(f'warning: {args.config}: {doubt}', file=sys.stderr)


def _outputs(plan, clips):
    """Yield the name of each output, and what writes it."""
    from functools import partial

    from mmfer.apis.outputs import write_csv, write_json
    if plan.json:
        yield plan.json, partial(write_json, clips, plan.json)
    if plan.csv:
        yield plan.csv, partial(write_csv, clips, plan.csv)
    answered = [clip for clip in clips if clip.faces]
    if plan.plots:
        from mmfer.visualization.timeline import draw_timeline
        for clip in answered:
            path = plan.plots[clip.path]
            yield path, partial(draw_timeline, clip, path)
    if plan.videos:
        from mmfer.visualization.annotated_video import write_annotated_video
        for clip in answered:
            path = plan.videos[clip.path]
            yield path, partial(write_annotated_video, clip.path, clip, path)


def _write(args, plan, clips):
    """Write everything that can be written; tells whether that is all."""
    from av import FFmpegError

    from mmfer.apis.outputs import as_table, why_not_written
    complete = True
    for path, write in _outputs(plan, clips):
        try:
            write()
        except (OSError, ValueError, ImportError, RuntimeError,
                FFmpegError) as error:
            complete = False
            print(f'error: {why_not_written(path, error)}', file=sys.stderr)
    if not args.quiet and not args.live:
        print(as_table(clips))
    return complete


def main(argv=None):
    args = parse_args(argv)
    from mmfer.apis.output_plan import OutputError
    try:
        args.inputs, plan = _plan(args)
    except OutputError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)
    except ValueError as error:
        sys.exit(f'error: {error}')
    if args.threads:
        os.environ.setdefault('OMP_NUM_THREADS', str(args.threads))
        import torch
        torch.set_num_threads(args.threads)
    _check_detector(args)
    _warn_of_the_config(args)
    from mmfer.datasets.preparation.detectors import DetectorError
    from mmfer.worker_processes import WorkersFailed
    clips = []
    predict = _predict_live if args.live else \
        _predict_many if args.many else _predict_here
    stopped, broken = None, None
    try:
        predict(args, clips)
    except KeyboardInterrupt:
        stopped = INTERRUPTED
        print('interrupted', file=sys.stderr)
    except BrokenPipeError:  # nobody reads the windows of a stream any more
        stopped, args.quiet = PIPE_CLOSED, True
    except (ValueError, OSError, ImportError, WorkersFailed,
            DetectorError) as error:
        broken = f'error: {error}'
        if not any(clip.faces for clip in clips):
            sys.exit(broken)
    complete = _write(args, plan, clips) if clips else True
    for clip in clips:
        for text in filter(None, [clip.error, *clip.warnings]):
            print(f'{"error" if clip.error else "warning"}: {text}',
                  file=sys.stderr)
    if stopped:
        sys.exit(stopped)
    if broken:  # a stream that broke off; what came before is written
        print(broken, file=sys.stderr)
        sys.exit(3)
    without = sum(clip.error is not None for clip in clips)
    if without == len(clips):
        sys.exit(1)
    sys.exit(3 if without or not complete else 0)


if __name__ == '__main__':
    run(main)
