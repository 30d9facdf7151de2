# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test all folds of a data set and print the table of a paper.

The standard tools/train.py and tools/test.py run once per fold and seed.
Started again, the same command goes on: finished folds are kept, a fold that
was interrupted resumes. The report (report.md, .json, .tex in the work
directory) has the mean and standard deviation of the folds, the pooled
confusion matrix, recalls, intervals, and the protocol, for the last
checkpoint and for the best one, labelled by what it was chosen on.
"""
import argparse
import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  # the official folds, or the official split where there are no folds
  python tools/cross_validate.py configs/residual/CONFIG.py

  # two of the folds, three seeds, four GPUs for two runs at a time
  python tools/cross_validate.py CONFIG --folds 1 2 --seeds 0 1 2 \\
      --jobs 2 --devices 0 1 2 3 --launcher pytorch --processes 2

  # leave one subject out, for data that have persons but no folds
  python tools/cross_validate.py CONFIG --folds loso

  # one run at a time on a cluster
  python tools/cross_validate.py CONFIG --launcher slurm \\
      --prefix 'srun -p gpu --gres=gpu:4 --ntasks=4'
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of train.py')
    parser.add_argument(
        '--folds', nargs='+', metavar='FOLD',
        help="numbers, or 'all', or a protocol by person: 'loso', '10-fold' "
        "(every tenth person), '10-fold-contiguous' (default: all folds if "
        'the config names a fold, else its split)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0],
                        help='seeds of every fold (default: 0)')
    parser.add_argument('--work-dir', type=Path,
                        help='default: work_dirs/cross_validation/CONFIG')
    parser.add_argument('--jobs', type=whole_number(1), default=1,
                        help='runs at a time (default: 1)')
    parser.add_argument('--devices', nargs='+', default=[],
                        help='GPUs, shared out to the jobs')
    parser.add_argument('--launcher', default='none',
                        choices=['none', 'pytorch', 'slurm', 'mpi'],
                        help='passed on (default: none)')
    parser.add_argument('--processes', type=whole_number(1), default=1,
                        help='processes of a run with --launcher pytorch '
                        '(default: 1)')
    parser.add_argument('--prefix', default='',
                        help="words before each command, e.g. 'srun -p gpu'")
    parser.add_argument('--amp', action='store_true', help='passed on')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='passed on')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='changes of the config, as in train.py')
    parser.add_argument('--bootstrap', type=whole_number(), default=1000,
                        help='samples for 95 %% intervals, 0 for none '
                        '(default: 1000)')
    parser.add_argument('--report-only', action='store_true',
                        help='report what is finished, run nothing')
    args = parser.parse_args(argv)
    if args.jobs < 1 or args.processes < 1:
        parser.error('--jobs and --processes are at least 1')
    if args.cfg_options:
        from mmengine.config import DictAction
        options = argparse.ArgumentParser(prog=parser.prog)
        options.add_argument('--cfg-options', nargs='+', action=DictAction)
        args.cfg_options = options.parse_args(
            ['--cfg-options', *args.cfg_options]).cfg_options
    return args


@contextlib.contextmanager
def fold_variable(fold):
    """Configs may read the fold from the environment."""
    old = os.environ.get('MMFER_FOLD')
    if fold is not None:
        os.environ['MMFER_FOLD'] = str(fold)
    try:
        yield
    finally:
        if fold is not None:
            os.environ.pop('MMFER_FOLD')
            if old is not None:
                os.environ['MMFER_FOLD'] = old


def main(argv=None):
    import mmfer  # noqa: F401, repairs the stack before it is imported
    args = parse_args(argv)
    from mmengine.config import Config
    from mmengine.logging import MMLogger

    from mmfer.datasets import AnnotationError
    from mmfer.engine.cross_report import make_report, write_report
    from mmfer.engine.cross_validation import CrossValidation
    from mmfer.engine.fold_config import FoldError
    from mmfer.engine.fold_plan import plan_folds
    from mmfer.engine.launch import Launch
    from mmfer.evaluation.report_text import to_markdown

    MMLogger.get_current_instance().setLevel('WARNING')

    def load(fold=None):
        with fold_variable(fold):
            cfg = Config.fromfile(args.config)
        if args.cfg_options:
            cfg.merge_from_dict(args.cfg_options)
        return cfg

    def stop(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    name = Path(args.config).stem
    work_dir = args.work_dir or Path('work_dirs', 'cross_validation', name)
    passed = [flag for flag, given in (('--amp', args.amp),
                                       ('--auto-scale-lr',
                                        args.auto_scale_lr)) if given]
    try:
        launch = Launch(
            Path(__file__).resolve().parent, args.launcher, args.processes,
            tuple(shlex.split(args.prefix)), tuple(args.devices),
            tuple(passed))
        plan = plan_folds(load(), args.folds, work_dir)
        validation = CrossValidation(load, name, plan, work_dir, args.seeds,
                                     launch, args.jobs)
        validation.check()
        failed = {} if args.report_only else validation.run()
        report = make_report(validation, failed, args.bootstrap)
        paths = write_report(report, work_dir)
    except KeyboardInterrupt:
        sys.exit('stopped; the same command goes on where it was')
    except (FoldError, AnnotationError, OSError) as error:
        sys.exit(f'error: {error}')
    print()
    print(to_markdown(report))
    print('written: ' + ', '.join(map(str, paths)))
    if failed:
        sys.exit(f'error: {len(failed)} of {len(validation.runs)} runs '
                 'failed; the same command tries them again')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
