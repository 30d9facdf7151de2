# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The page: its server over HTTP, and itself in a real browser."""
import http.client
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

pytest.importorskip('mmaction')

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import MODELS, DefaultScope  # noqa: E402

import mmfer  # noqa: E402
from mmfer.testing import face_like, write_video  # noqa: E402
from mmfer.testing.browser import Browser, find_browser  # noqa: E402

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent
CONFIG = REPOSITORY / ('configs/residual/residual_r10-quarter_1xb16-s8-24e_'
                       'synthetic-faces-chained-motion.py')
STATE = 'return document.body.dataset.state'


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Clips, and a network that was not trained."""
    root = tmp_path_factory.mktemp('demo')
    write_video(root / 'face ü.mp4', face_like(36, (64, 64), 1), 'mpeg4')
    write_video(root / 'long.mp4', face_like(150, (32, 32), 1), 'mpeg4')
    (root / 'notes.txt').write_text('no video')
    config = Config.fromfile(CONFIG)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config.model)
    classes = 'happy sad neutral angry surprise disgust fear'.split()
    torch.save(dict(state_dict=model.state_dict(), meta=dict(
        dataset_meta=dict(classes=classes))), root / 'random.pth')
    return root


@pytest.fixture(scope='module')
def address(place):
    """A server at work: host and port."""
    (place / 'temporary').mkdir()
    server = subprocess.Popen(
        [sys.executable, '-W', 'ignore',
         str(REPOSITORY / 'tools/demo/serve.py'), '--config',
         str(CONFIG), '--checkpoint',
         'random.pth', '--port', '0', '--window', '.8', '--stride', '.4',
         '--max-upload', '1', '--max-seconds', '5'],
        cwd=place, text=True, stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY),
             'TMPDIR': str(place / 'temporary')})
    line = server.stdout.readline()
    assert line.startswith('http://127.0.0.1:'), line
    try:
        yield line.split('/')[2]
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert not list((place / 'temporary').iterdir())


def ask(address, path, method='GET', body=None, **headers):
    """Send a request; returns status, headers and body."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body, {
            name.replace('_', '-'): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def send(address, path, name):
    """Send a clip and wait for the answer."""
    status, _, body = ask(address, '/api/clips', 'POST', path.read_bytes(),
                          X_File_Name=name)
    assert status == 202, body
    number = json.loads(body)['id']
    for _ in range(600):
        state = json.loads(ask(address, f'/api/clips/{number}')[2])
        if state['state'] in ('done', 'error'):
            return number, state
        time.sleep(.1)
    raise TimeoutError(state)


@pytest.fixture(scope='module')
def done(address, place):
    return send(address, place / 'face ü.mp4', 'face%20%C3%BC.mp4')


def test_a_clip_is_answered_with_spans_and_a_preview(address, done, tmp_path):
    number, state = done
    assert state['state'] == 'done' and state['name'] == 'face ü.mp4'
    prediction, preview = state['prediction'], state['preview']
    assert prediction['path'] == 'face ü.mp4'
    assert (prediction['width'], prediction['frames']) == (64, 36)
    spans, = state['spans']
    assert spans[0]['start'] == 0 and spans[-1]['end'] == 36 / 25
    assert all(abs(sum(span['scores']) - 1) < 1e-3 for span in spans)
    for name, width in (('preview', 3 * preview['width']), ('annotated', 0)):
        status, headers, body = ask(address,
                                    f'/api/clips/{number}/{name}.mp4')
        assert (status, headers['Content-Type']) == (200, 'video/mp4')
        (tmp_path / 'x.mp4').write_bytes(body)
        with av.open(str(tmp_path / 'x.mp4')) as video:
            frames = list(video.decode(video=0))
        assert len(frames) == 36 and frames[0].width == (
            width or frames[0].width)


def test_parts_of_a_video_are_sent(address, done):
    path = f'/api/clips/{done[0]}/preview.mp4'
    whole = ask(address, path)[2]
    for asked, part in (('bytes=10-19', whole[10:20]), ('bytes=-7', whole[-7:]),
                        ('bytes=30-', whole[30:])):
        status, headers, body = ask(address, path, Range=asked)
        assert (status, body) == (206, part)
        assert headers['Content-Range'].endswith(f'/{len(whole)}')
    assert ask(address, path, Range='bytes=999999999-')[0] == 416
    status, headers, body = ask(address, path, 'HEAD')
    assert (status, int(headers['Content-Length']), body) == (
        200, len(whole), b'')


def test_what_is_wrong_is_said_in_words(address, place):
    state = send(address, place / 'notes.txt', '..%2F..%2Fetc%2Fnotes.txt')[1]
    assert state['state'] == 'error' and state['name'] == 'notes.txt'
    assert state['message'].startswith('notes.txt: ')
    assert str(place) not in state['message']
    state = send(address, place / 'long.mp4', 'long.mp4')[1]
    assert 'long.mp4 is 6 s long' in state['message']
    for body, status, word in ((b'', 400, 'empty'),
                               (b'x' * 2**24, 413, 'at most 1 MiB')):
        got, _, text = ask(address, '/api/clips', 'POST', body)
        assert got == status and word in json.loads(text)['message']


def test_a_broken_upload_leaves_nothing(address, place):
    folder, = (place / 'temporary').iterdir()
    before = set(folder.iterdir())
    host, port = address.split(':')
    with socket.create_connection((host, int(port))) as line:
        line.sendall(f'POST /api/clips HTTP/1.1\r\nHost: {address}\r\n'
                     'Content-Length: 1000\r\n\r\nhalf'.encode())
        line.shutdown(socket.SHUT_WR)
        assert b'did not arrive completely' in line.makefile('rb').read()
    assert set(folder.iterdir()) == before


def test_nothing_else_can_be_read(address):
    for path in ('/../serve.py', '/%2e%2e/serve.py', '/page/../serve.py',
                 '/jobs.py', '/etc/passwd', '//etc/passwd',
                 '/api/clips/../../../../etc/passwd', '/api/clips/..%2f..',
                 '/api/clips/AAAAAAAAAAAAAAAAAAAAAA/preview.mp4'):
        status, headers, body = ask(address, path)
        assert status == 404 and set(json.loads(body)) == {'message'}, path
    assert ask(address, '/', 'DELETE')[0] == 501


def test_other_sites_cannot_use_the_server(address):
    assert ask(address, '/', Host='evil.example')[0] == 403
    assert ask(address, '/api/clips', 'POST', b'x',
               Origin='http://evil.example')[0] == 403
    status, headers, body = ask(address, '/')
    assert status == 200
    assert "default-src 'none'" in headers['Content-Security-Policy']
    assert headers['X-Content-Type-Options'] == 'nosniff'
    # Self-contained: nothing is loaded from elsewhere.
    for name in ('/', '/page.css', '/page.js', '/timeline.js'):
        text = ask(address, name)[2].decode()
        assert 'https://' not in text and 'url(' not in text


def test_names_that_are_no_address_are_refused(address):
    assert ask(address, '/', Host='[bad')[0] == 400
    assert ask(address, '/api/clips', 'POST', b'x',
               Origin='http://[bad')[0] == 400
    assert ask(address, '/')[0] == 200


@pytest.mark.parametrize('option, value', [
    ('--port', '99999'), ('--port', '-1'), ('--max-upload', 'nan'),
    ('--max-seconds', '0'), ('--window', 'inf')])
def test_numbers_out_of_bounds_are_one_line(option, value, capsys):
    tool = runpy.run_path(str(REPOSITORY / 'tools/demo/serve.py'))
    with pytest.raises(SystemExit) as caught:
        tool['parse_args'](['--config', 'c', '--checkpoint', 'k', option,
                            value])
    said = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and f'argument {option}' in said[-1]


def test_the_page_at_an_address_of_ipv6(place):
    try:
        with socket.socket(socket.AF_INET6) as line:
            line.bind(('::1', 0))
    except OSError:
        pytest.skip('no IPv6 here')
    with subprocess.Popen(
            [sys.executable, '-W', 'ignore',
             str(REPOSITORY / 'tools/demo/serve.py'), '--config', str(CONFIG),
             '--checkpoint', 'random.pth', '--port', '0', '--host', '::1'],
            cwd=place, text=True, stdout=subprocess.PIPE,
            env={**os.environ, 'PYTHONPATH': str(REPOSITORY)}) as server:
        try:
            line = server.stdout.readline()
            assert line.startswith('http://[::1]:'), line
            assert ask(line.split('/')[2], '/api/info')[0] == 200
        finally:
            server.terminate()


@pytest.mark.skipif(find_browser() is None,
                    reason='needs chromium and chromedriver')
def test_the_page_in_a_browser(address, place, tmp_path):
    colours = ("const c = document.getElementById(arguments[0]);"
               "const d = c.getContext('2d').getImageData(0, 0, c.width, "
               "c.height).data; return new Set(d).size")
    clock = "return document.getElementById('clock').textContent"
    with Browser((1200, 900)) as browser:
        browser.open(f'http://{address}/')
        browser.wait("return document.getElementById('limits').textContent")
        assert browser.run(STATE) == 'idle'
        browser.type('#file', place / 'notes.txt')
        browser.wait(f'{STATE} === "error"')
        shown = browser.run(
            "return document.getElementById('error').innerText")
        assert 'notes.txt: ' in shown
        browser.type('#file', place / 'face ü.mp4')
        browser.wait(f'{STATE} === "result"')
        browser.wait(f'{clock}.startsWith("0.00")')
        for panel in range(3):
            assert browser.run(colours, f'panel-{panel}') > 3
        # Steps by keys are counted one by one, and end with the clip.
        browser.press(*['right'] * 12, 'left', 'left')
        browser.wait(f'{clock} === "0.40 / 1.44 s"')
        browser.press('shift+right')
        browser.wait(f'{clock} === "1.40 / 1.44 s"')
        browser.press('home')
        browser.wait(f'{clock} === "0.00 / 1.44 s"')
        browser.press('space')
        browser.wait(f'{clock} === "1.40 / 1.44 s"')
        # Bars of this moment add up.
        total = browser.run(
            "return [...document.querySelectorAll('.now-row b')]"
            ".map(b => +b.textContent).reduce((a, b) => a + b)")
        assert 96 <= total <= 104
        browser.resize(400, 900)
        browser.wait('return document.documentElement.scrollWidth <= '
                     'innerWidth')
        assert browser.screenshot(tmp_path / 'page.png').stat().st_size > 9999
        browser.click('#another')
        browser.wait(f'{STATE} === "idle"')
        assert browser.console() == []
