# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Commands that the documents or a tool's --help show are ones it takes.

Without those that hold variables or dots, and tools without `parse_args`.
"""
import json
import re
import shlex
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

pytest.importorskip('mmaction')

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / 'README.md', *ROOT.glob('docs/**/*.md'),
             *ROOT.glob('configs/*/README.md')]
# Placeholders and variables of the shell.
UNCLEAR = re.compile(r'[…$]|\.\.\.')

# Reads each tool's parser with the arguments of the commands, in one process,
# since most of the time goes into imports.
READ_ALL = r'''
import contextlib, importlib.util, inspect, io, json, sys
from pathlib import Path

def attempt(parse, tool, arguments):
    out = io.StringIO()
    sys.argv = [tool, *arguments]
    given = [arguments] if inspect.signature(parse).parameters else []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            parse(*given)
        except SystemExit as end:
            return end.code or 0, out.getvalue()
    return 0, out.getvalue()

modules, answers = {}, {}
for tool, arguments in json.load(sys.stdin):
    if tool not in modules:
        sys.path.insert(0, str(Path(tool).parent))
        spec = importlib.util.spec_from_file_location('tool', tool)
        modules[tool] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(modules[tool])
    answers[json.dumps([tool, arguments])] = attempt(
        modules[tool].parse_args, tool, arguments)
print('ANSWERS' + json.dumps(answers))
'''


@lru_cache(maxsize=None)
def tools_with_a_parser():
    return [path.relative_to(ROOT).as_posix()
            for path in sorted(ROOT.glob('tools/**/*.py'))
            if re.search(r'^def parse_args', path.read_text(), re.M)]


def commands(text):
    """Yield (tool, arguments) of the commands in a text."""
    for line in re.sub(r'\\\n\s*', ' ', text).splitlines():
        if not line.strip().startswith('python ') or UNCLEAR.search(line):
            continue
        _, tool, *arguments = shlex.split(line, comments=True)
        if tool in tools_with_a_parser():
            yield tool, arguments


def answers(asked):
    """Return {(tool, *arguments): (exit code, what was printed)}."""
    run = subprocess.run(
        [sys.executable, '-c', READ_ALL], input=json.dumps(list(asked)),
        cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.partition('ANSWERS')[2])
    return {(tool, *arguments): answer for (tool, arguments), answer in
            ((json.loads(key), value) for key, value in found.items())}


def test_shown_commands_are_understood():
    tools = tools_with_a_parser()
    helps = answers((tool, ['--help']) for tool in tools)
    assert not [tool for (tool, _), (code, _) in helps.items() if code]
    texts = {tool + ' --help': text for (tool, _), (_, text) in helps.items()}
    texts.update((path.relative_to(ROOT).as_posix(), path.read_text())
                 for path in DOCUMENTS)
    shown = [(place, command) for place, text in texts.items()
             for command in commands(text)]
    assert len(shown) > 100
    found = answers({json.dumps(command): command
                     for _, command in shown}.values())
    refused = [f'{place}: {tool} {" ".join(arguments)}: {text.splitlines()[-1:]}'
               for place, (tool, arguments) in shown
               for code, text in [found[(tool, *arguments)]] if code]
    assert not refused


def test_shown_configs_exist():
    places = DOCUMENTS + [ROOT / tool for tool in tools_with_a_parser()]
    missing = [
        f'{path.name}: {name}' for path in places
        for name in re.findall(r'configs/[\w./-]+\.py', path.read_text())
        if not (ROOT / name).exists()
        and not re.search(r'[A-Z]{4}|\.\.\.', name)
    ]
    assert not missing
