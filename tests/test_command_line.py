# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import argparse
import subprocess
import sys

import pytest

from mmfer.command_line import (INTERRUPTED, PIPE_CLOSED, positive_number,
                                run, whole_number)


def start(code, **options):
    return subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c',
         f'import sys\nfrom mmfer.command_line import run\n{code}'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize('lines', [1, 100000])
def test_a_reader_may_stop(lines):
    # One line is written at the end only, many fill the pipe before.
    process = start('sys.stdin.readline()\n'
                    f'run(lambda: print("line\\n" * {lines}))',
                    stdin=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write('\n')
    process.stdin.close()
    assert process.stderr.read() == ''
    assert process.wait() == PIPE_CLOSED
    process.stderr.close()


def test_a_reader_may_stop_before_an_error_is_told():
    process = start('sys.stdin.readline()\n'
                    'def main():\n    print("line")\n    sys.exit(3)\n'
                    'run(main)', stdin=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write('\n')
    process.stdin.close()
    assert process.stderr.read() == ''
    assert process.wait() == PIPE_CLOSED
    process.stderr.close()


def test_an_interruption_is_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == INTERRUPTED
    assert capsys.readouterr().err == 'interrupted\n'


@pytest.mark.parametrize('returned, code', [(None, 0), (0, 0), (2, 2)])
def test_the_exit_code_is_what_main_returns(returned, code):
    with pytest.raises(SystemExit) as caught:
        run(lambda: returned)
    assert (caught.value.code or 0) == code


def test_errors_of_the_program_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def test_whole_numbers():
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--count', type=whole_number(1))
    parser.add_argument('--share', type=whole_number(0, 100))
    args = parser.parse_args(['--count', '1', '--share', '100'])
    assert (args.count, args.share) == (1, 100)
    for option, text, said in (('--count', '0', 'from 1 on'),
                               ('--count', 'many', "'many' is no whole"),
                               ('--count', '1.5', 'from 1 on'),
                               ('--share', '101', 'from 0 to 100')):
        with pytest.raises(argparse.ArgumentError, match=said):
            parser.parse_args([option, text])


def test_positive_numbers():
    assert positive_number('.5') == .5
    for text in ('0', '-1', 'nan', 'inf', 'x'):
        with pytest.raises(argparse.ArgumentTypeError, match=text):
            positive_number(text)
