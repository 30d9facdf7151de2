# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The page's server: four fixed files, clips in, answers out.

Nothing that a visitor sends becomes part of a path: files of the page come
from a table, clips are found by random numbers.
"""
import json
import re
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs import Busy

PAGE = Path(__file__).resolve().parent / 'page'
FILES = {
    '/': ('index.html', 'text/html; charset=utf-8'),
    '/page.css': ('page.css', 'text/css; charset=utf-8'),
    '/page.js': ('page.js', 'text/javascript; charset=utf-8'),
    '/timeline.js': ('timeline.js', 'text/javascript; charset=utf-8'),
    '/icon.svg': ('icon.svg', 'image/svg+xml'),
}
CLIP = re.compile(r'/api/clips/([\w-]{16,40})(/preview\.mp4|/annotated\.mp4)?')
RANGE = re.compile(r'bytes=(\d*)-(\d*)')
HEADERS = {
    'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}
LOCAL = ('localhost', '127.0.0.1', '::1')
CHUNK = 1 << 18
#: Bytes of a refused request that are still taken in.
MOST_DISCARDED = 1 << 30


class Refused(Exception):
    """A request that is answered with words."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class PageServer(ThreadingHTTPServer):
    """Serve the page.

    Args:
        address (tuple[str, int]): Host and port; port 0 takes a free one.
        jobs (Jobs): Works on the clips.
        info (dict): What the page says of the model and its limits, with
            ``max_bytes``.
    """

    daemon_threads = True

    def __init__(self, address, jobs, info):
        if ':' in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)
        self.jobs, self.info = jobs, info
        self.is_local = address[0] in LOCAL


class Handler(BaseHTTPRequestHandler):
    """Answer one visitor."""

    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'mmfer', ''
    timeout = 60

    def log_message(self, *_):
        """Stay silent; visitors are told what is wrong."""

    def do_GET(self):
        self._guarded(self._get)

    def do_HEAD(self):
        self._guarded(self._get)

    def do_POST(self):
        self._guarded(self._post)

    def _guarded(self, answer):
        self._answered = False
        length = self.headers.get('Content-Length', '')
        self._unread = int(length) if length.isdecimal() else 0
        try:
            self._check_origin()
            answer()
        except Refused as refused:
            # What was not read of a request must not be taken for the next.
            self.close_connection = True
            self._send_json(dict(message=str(refused)), refused.status)
            self._discard()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except (OSError, ValueError, ImportError) as error:
            self.close_connection = True
            if not self._answered:
                self._send_json(dict(message=str(error)),
                                HTTPStatus.INTERNAL_SERVER_ERROR)

    def _check_origin(self):
        """Keep other sites' pages from talking to a server on this machine.

        A local server answers to local names only, or a foreign name that
        points here could read its answers (DNS rebinding).
        """
        host = self.headers.get('Host', '')
        origin = self.headers.get('Origin')
        try:
            name = urlsplit(f'//{host}').hostname or ''
            source = None if origin is None else urlsplit(origin).netloc
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, 'Host or Origin is no '
                          'address') from None
        if self.server.is_local and name not in LOCAL:
            raise Refused(HTTPStatus.FORBIDDEN,
                          f'this page is not served as {name}')
        if source is not None and source != host:
            raise Refused(HTTPStatus.FORBIDDEN,
                          'requests of other sites are refused')

    def _get(self):
        path = urlsplit(self.path).path
        if path in FILES:
            name, kind = FILES[path]
            return self._send((PAGE / name).read_bytes(), kind)
        if path == '/api/info':
            return self._send_json(self.server.info)
        found = CLIP.fullmatch(path)
        job = self.server.jobs.get(found[1]) if found else None
        if job is None:
            raise Refused(HTTPStatus.NOT_FOUND, 'there is nothing here' if
                          not found else 'this clip is no longer kept; '
                          'send it again')
        if found[2] is None:
            return self._send_json(job.state())
        if job.state()['state'] != 'done':
            raise Refused(HTTPStatus.NOT_FOUND, 'this clip is not ready')
        if found[2] == '/preview.mp4':
            return self._send_video(job.preview)
        return self._send_video(job.annotated(), 'annotated.mp4')

    def _post(self):
        if urlsplit(self.path).path != '/api/clips':
            raise Refused(HTTPStatus.NOT_FOUND, 'there is nothing here')
        length = self.headers.get('Content-Length', '')
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED,
                          'the length of the clip is needed')
        length, most = int(length), self.server.info['max_bytes']
        if not length:
            raise Refused(HTTPStatus.BAD_REQUEST, 'the file is empty')
        if length > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                          f'the file has {length / 2**20:.0f} MiB, at most '
                          f'{most / 2**20:.0f} MiB are taken')
        # Only shown, never used as a path.
        name = unquote(self.headers.get('X-File-Name', ''))
        name = re.split(r'[/\\]', name)[-1]
        name = ''.join(c for c in name if c.isprintable())[:120] or 'clip'
        jobs = self.server.jobs
        try:
            number, job = jobs.new(name)
            try:
                self._receive(job.source)
            except BaseException:
                jobs.drop(job)
                raise
            jobs.submit(number, job)
        except Busy as busy:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE,
                          str(busy)) from None
        self._send_json(dict(id=number), HTTPStatus.ACCEPTED)

    def _receive(self, path):
        with open(path, 'wb') as file:
            while self._unread:
                data = self._read_body()
                if not data:
                    raise Refused(HTTPStatus.BAD_REQUEST,
                                  'the file did not arrive completely')
                file.write(data)

    def _read_body(self):
        data = self.rfile.read(min(self._unread, CHUNK))
        self._unread -= len(data)
        return data

    def _discard(self):
        """Take in what a visitor who was refused is still sending.

        Closing at once would reset the connection, and browsers, which send
        everything before they read, would show that instead of the words.
        """
        least = self._unread - MOST_DISCARDED
        try:
            while self._unread > max(least, 0) and self._read_body():
                pass
        except OSError:  # gone, or silent for too long
            pass

    def _send_json(self, data, status=HTTPStatus.OK):
        self._send(json.dumps(data).encode(), 'application/json', status)

    def _send(self, body, kind, status=HTTPStatus.OK):
        self._head(status, kind, len(body))
        if self.command != 'HEAD':
            self.wfile.write(body)

    def _head(self, status, kind, length, **further):
        self._answered = True
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(length))
        for name, value in {**HEADERS, **further}.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()

    def _send_video(self, path, save_as=None):
        """Send a file, or the part asked for: players jump in this way."""
        further = dict(Accept_Ranges='bytes')
        if save_as:
            further['Content_Disposition'] = f'attachment; filename={save_as}'
        with open(path, 'rb') as file:
            size = file.seek(0, 2)
            first, last, status = 0, size - 1, HTTPStatus.OK
            asked = RANGE.fullmatch(self.headers.get('Range', ''))
            if asked and any(asked.groups()):
                begin, end = asked.groups()
                if begin:
                    first, last = int(begin), min(int(end or last), last)
                else:  # the last bytes
                    first = max(size - int(end), 0)
                if first > last:
                    raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                                  f'the video has {size} bytes')
                status = HTTPStatus.PARTIAL_CONTENT
                further['Content_Range'] = f'bytes {first}-{last}/{size}'
            length = last - first + 1
            self._head(status, 'video/mp4', length, **further)
            file.seek(first)
            while length and self.command != 'HEAD':
                data = file.read(min(length, CHUNK))
                self.wfile.write(data)
                length -= len(data)
