# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Examine a data set before it is trained on: what is wrong, what to do.

Looks for persons and copies in more than one split or fold, wrong labels and
label orders, missing, broken and unsuitable clips, empty residuals, pictures
in a wrong order, mixed sizes and codings, uncut faces, wrong apex times, and
counts that differ from the published ones. Exit code 0: healthy; 1: warnings;
2: errors, results would be wrong; 3: nothing could be examined."""
import argparse
import os
import sys

from mmfer.command_line import whole_number

EXAMPLES = """examples:
  python tools/data/doctor.py data/mine/annotations.json --workers 4
  python tools/data/doctor.py data/mine/annotations.json --json report.json
  python tools/data/doctor.py data/dfew/annotations.json --sample 500 --detector ''
"""


class _Parser(argparse.ArgumentParser):

    def error(self, message):
        # 2, the usual code, says here that the data are wrong.
        self.print_usage(sys.stderr)
        self.exit(3, f'{self.prog}: error: {message}\n')


def parse_args(argv=None):
    parser = _Parser(description=__doc__, epilog=EXAMPLES,
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('annotations', help='annotation file, .json or .csv, '
                        'or the folder of annotations.json')
    parser.add_argument('--folder', help='folder of the clips (default: that '
                        'of the annotation file)')
    parser.add_argument('--json', metavar='FILE', help='write everything as '
                        'JSON, "-" for stdout instead of text')
    parser.add_argument('--sample', type=whole_number(), default=0, metavar='N',
                        help='look into N clips only (default: all)')
    parser.add_argument('--detector', default='haar',
                        help="as in prepare.py, '' for none (default: haar)")
    parser.add_argument('--items', type=whole_number(), default=5,
                        help='clips to name with each finding (5)')
    parser.add_argument('--workers', type=whole_number(), default=os.cpu_count() or 1,
                        help='processes (default: the number of cores)')
    parser.add_argument('--quiet', action='store_true', help='no progress')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    from mmfer.atomic import write_text
    from mmfer.datasets.annotations import AnnotationError
    from mmfer.datasets.doctor import examine
    from mmfer.datasets.preparation import DetectorError
    from mmfer.worker_processes import WorkersFailed
    annotations = args.annotations
    if os.path.isdir(annotations):
        annotations = os.path.join(annotations, 'annotations.json')
    try:
        found = examine(annotations, args.folder, args.detector,
                        args.sample, args.workers, not args.quiet)
        if args.json == '-':
            print(found.to_json(), end='')
        else:
            print(found.to_text(args.items))
            if args.json:
                write_text(args.json, found.to_json())
    except (AnnotationError, DetectorError, OSError, WorkersFailed) as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(3)
    sys.exit(found.exit_code)


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
