# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Show a model on a web page: drop a clip, look at what it reads and says.

The page is local: it is served to this machine, loads nothing from elsewhere,
and clips are kept in a temporary folder that goes with the server.
"""
import argparse
import signal
import sys
import tempfile
import webbrowser
from pathlib import Path

from mmfer.command_line import positive_number, run, whole_number

EXAMPLES = """examples:
  python tools/demo/serve.py --config CONFIG --checkpoint CHECKPOINT
  python tools/demo/serve.py --config CONFIG --checkpoint CHECKPOINT \\
      --port 9000 --window 1.5 --stride 0.25 --open
"""


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', required=True)
    parser.add_argument('--checkpoint', required=True)
    parser.add_argument('--device', default='cpu', help='(cpu)')
    parser.add_argument(
        '--window', type=positive_number, default=2., metavar='SECONDS',
        help='what is classified together (2)')
    parser.add_argument(
        '--stride', type=positive_number, default=.5, metavar='SECONDS',
        help='from one window to the next (0.5)')
    parser.add_argument(
        '--crop', choices=('auto', 'none', 'face'), default='auto',
        help='find faces or take pictures as they are (auto)')
    parser.add_argument(
        '--host', default='127.0.0.1',
        help='another address than 127.0.0.1 lets others use the page')
    parser.add_argument(
        '--port', type=whole_number(0, 65535), default=8765,
        help='0 takes a free one (8765)')
    parser.add_argument(
        '--max-upload', type=positive_number, default=200., metavar='MIB',
        help='largest file (200)')
    parser.add_argument(
        '--max-seconds', type=positive_number, default=180.,
        help='longest clip (180)')
    parser.add_argument(
        '--open', action='store_true', help='open the page in the browser')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    import mmfer  # noqa: F401, repairs the stack before it is imported
    from jobs import Jobs
    from mmfer.apis import FERInferencer
    from server import LOCAL, PageServer
    for path in (args.config, args.checkpoint):
        if not Path(path).is_file():
            sys.exit(f'error: {path}: no such file')
    try:
        inferencer = FERInferencer(
            args.config, args.checkpoint, args.device, window=args.window,
            stride=args.stride, crop=args.crop)
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f'error: {error}')
    info = dict(
        model=Path(args.config).stem, checkpoint=Path(args.checkpoint).name,
        classes=list(inferencer.classes),
        window=args.window, stride=args.stride,
        max_bytes=int(args.max_upload * 2**20), max_seconds=args.max_seconds)
    # An ordinary end, so that the folder is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix='mmfer-demo-') as folder:
        try:
            server = PageServer((args.host, args.port), Jobs(
                inferencer, folder, args.max_seconds), info)
        except OSError as error:
            sys.exit(f'error: {args.host}:{args.port}: {error.strerror}; '
                     'choose another --host or --port')
        host = f'[{args.host}]' if ':' in args.host else args.host
        address = f'http://{host}:{server.server_port}/'
        if args.host not in LOCAL:
            print('warning: everybody who can reach this machine can use the '
                  'page', file=sys.stderr)
        print(f'{address}  (Ctrl+C ends it)', flush=True)
        if args.open:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print('ended', file=sys.stderr)


if __name__ == '__main__':
    run(main)
