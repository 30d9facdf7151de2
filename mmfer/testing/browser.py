# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A real headless browser for tests of pages; the standard library only.

Speaks the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/) with
Chromium's own ``chromedriver``.
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Optional, Sequence, Tuple, Union

_ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # fixed by the standard
#: Keys by name, as the standard numbers them.
KEYS = dict(space=' ', left='\ue012', right='\ue014', home='\ue011',
            end='\ue010', tab='\ue004', enter='\ue007', shift='\ue008')


def find_browser() -> Optional[Tuple[str, str]]:
    """Look for Chromium or Chrome, and its driver.

    Returns:
        tuple[str, str] | None: Browser and driver, None if one is missing.
    """
    browser = next(filter(None, map(shutil.which, (
        'chromium', 'chromium-browser', 'google-chrome'))), None)
    driver = shutil.which('chromedriver')
    return (browser, driver) if browser and driver else None


class Browser:
    """One window of a headless browser.

    Args:
        size (Sequence[int]): Width and height. Defaults to (1280, 900).
        dark (bool): Prefer dark colours. Defaults to False.

    Raises:
        RuntimeError: There is no browser, or it does not start.
    """

    def __init__(self, size: Sequence[int] = (1280, 900),
                 dark: bool = False) -> None:
        found = find_browser()
        if found is None:
            raise RuntimeError('neither Chromium nor Chrome with chromedriver '
                               'is installed')
        self._folder = tempfile.TemporaryDirectory(prefix='browser-')
        self._log = Path(self._folder.name) / 'driver.log'
        self._driver = subprocess.Popen(
            [found[1], '--port=0', f'--log-path={self._log}'],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self._address = f'http://127.0.0.1:{self._port()}'
            arguments = ['--headless=new', '--disable-gpu', '--mute-audio',
                         '--hide-scrollbars',
                         f'--user-data-dir={self._folder.name}/profile',
                         f'--window-size={size[0]},{size[1]}']
            if dark:
                arguments.append('--force-dark-mode')
            if os.geteuid() == 0:  # containers
                arguments += ['--no-sandbox', '--disable-dev-shm-usage']
            options = dict(args=arguments, binary=found[0])
            answer = self._call('POST', '/session', dict(
                capabilities=dict(alwaysMatch={
                    'goog:chromeOptions': options,
                    'goog:loggingPrefs': dict(browser='ALL')})))
            self._address += f'/session/{answer["sessionId"]}'
        except BaseException:
            self._end()
            raise

    def _port(self) -> int:
        for line in self._driver.stdout:
            if 'started successfully on port' in line:
                return int(line.split('port')[-1].strip(' .\n'))
        raise RuntimeError('chromedriver does not start')

    def _call(self, method: str, path: str, data: Any = None) -> Any:
        request = urllib.request.Request(
            self._address + path, method=method,
            data=None if data is None else json.dumps(data).encode(),
            headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)['value']['message']) from None

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self._call('POST', '/url', dict(url=address))

    def find(self, selector: str) -> str:
        """Return the handle of the first element of a CSS selector."""
        return self._call('POST', '/element', {
            'using': 'css selector', 'value': selector})[_ELEMENT]

    def type(self, selector: str, text: Union[str, Path]) -> None:
        """Press keys in an element; a file input takes paths."""
        self._call('POST', f'/element/{self.find(selector)}/value',
                   dict(text=str(text)))

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other, where the focus is.

        Args:
            *keys (str): Characters, or names in :data:`KEYS`;
                'shift+left' holds shift.
        """
        actions = []
        for key in keys:
            parts = [KEYS.get(part, part) for part in key.split('+')]
            actions += [dict(type='keyDown', value=part) for part in parts]
            actions += [dict(type='keyUp', value=p) for p in parts[::-1]]
        self._call('POST', '/actions', dict(
            actions=[dict(type='key', id='keys', actions=actions)]))

    def click(self, selector: str) -> None:
        """Click in the middle of an element; it has to be visible."""
        self._call('POST', f'/element/{self.find(selector)}/click', {})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript; ``return`` gives its value back."""
        return self._call('POST', '/execute/sync',
                          dict(script=script, args=list(arguments)))

    def wait(self, script: str, seconds: float = 30.) -> Any:
        """Run JavaScript until it returns something true.

        Raises:
            TimeoutError: It did not within the time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(.1)
        raise TimeoutError(f'not within {seconds:g} s: {script}')

    def resize(self, width: int, height: int) -> None:
        """Give the window another size in pixels."""
        self._call('POST', '/window/rect', dict(width=width, height=height))

    def console(self) -> list:
        """Return what the page wrote to its console since the last call."""
        return [entry['message']
                for entry in self._call('POST', '/se/log',
                                        dict(type='browser'))]

    def screenshot(self, path: Union[str, Path]) -> Path:
        """Write a PNG of the window."""
        data = base64.b64decode(self._call('GET', '/screenshot'))
        Path(path).write_bytes(data)
        return Path(path)

    def _end(self) -> None:
        self._driver.terminate()
        self._driver.wait()
        self._driver.stdout.close()
        self._folder.cleanup()

    def close(self) -> None:
        """Close browser and driver."""
        try:
            self._call('DELETE', '')
        finally:
            self._end()

    def __enter__(self) -> 'Browser':
        return self

    def __exit__(self, *_) -> None:
        self.close()
