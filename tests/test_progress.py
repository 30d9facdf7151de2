# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
import io
import sys

from mmfer.progress import ProgressLine


class Terminal(io.StringIO):

    def isatty(self):
        return True


def test_a_log_gets_count_rate_and_rest():
    stream = io.StringIO()
    with ProgressLine('working', 10, done=4, stream=stream) as line:
        for _ in range(6):
            line.step(note='1 kept out')
    last, = stream.getvalue().splitlines()
    assert last.startswith('working: 10/10, ')
    assert last.endswith('clips/s, 0 s left, 1 kept out')


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with ProgressLine('working', 3, stream=stream) as line:
        line.step(3)
    assert '3/3' in stream.getvalue() and 'working' in stream.getvalue()


def test_a_terminal_without_rich_gets_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, 'rich.console', None)
    stream = Terminal()
    with ProgressLine('working', 3, stream=stream) as line:
        line.step(3)
    assert stream.getvalue().startswith('working: 3/3, ')


def test_silence():
    stream = io.StringIO()
    with ProgressLine('working', 1, shown=False, stream=stream) as line:
        line.step()
    assert stream.getvalue() == ''
