# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Our tools hand over to the scripts that mmaction2 carries."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmfer
from mmfer import handover

REPOSITORY = Path(mmfer.__file__).resolve().parent.parent


def installed(root, monkeypatch, *scripts):
    """Make up an mmaction2 that carries the given scripts."""
    (root / 'mmaction').mkdir()
    (root / 'mmaction' / '__init__.py').write_text('')
    for script in scripts:
        (root / script).parent.mkdir(parents=True, exist_ok=True)
        (root / script).write_text('import sys; sys.exit(sys.argv[1:])')
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.delitem(sys.modules, 'mmaction', raising=False)


def test_finds_the_scripts_of_a_wheel(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, 'mmaction/.mim/tools/train.py',
              'tools/train.py')
    assert handover.find_script('train.py') == \
        tmp_path / 'mmaction/.mim/tools/train.py'


def test_finds_the_scripts_of_a_checkout(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, 'tools/analysis_tools/get_flops.py')
    assert handover.find_script('analysis_tools/get_flops.py') == \
        tmp_path / 'tools/analysis_tools/get_flops.py'


def test_says_what_to_type_when_the_script_is_absent(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    with pytest.raises(handover.ScriptNotFound, match='carries no tools/x.py'):
        handover.find_script('x.py')
    with pytest.raises(SystemExit, match='mmaction2==1.2.0'):
        handover.run_script('x.py', [])


def test_hands_the_arguments_over(tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch, 'mmaction/.mim/tools/test.py')
    repaired = []
    monkeypatch.setattr(handover.compat, 'apply',
                        lambda wait: repaired.append(wait))
    monkeypatch.setattr(sys, 'argv', ['ours', 'a', '--b'])
    with pytest.raises(SystemExit) as exit_:
        handover.run_script('test.py')
    assert exit_.value.code == ['a', '--b']
    assert sys.argv[0] == str(tmp_path / 'mmaction/.mim/tools/test.py')
    assert repaired == [False]  # Nothing waits: the script may use torch only.


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_our_tool_without_mmaction_says_one_line(tool):
    # -S: without installed packages there is no mmaction2.
    out = subprocess.run(
        [sys.executable, '-S', str(REPOSITORY / 'tools' / tool), 'c.py'],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)})
    assert out.returncode == 1
    assert out.stderr == (
        'error: mmaction2 is not installed, and its tools do the work: '
        "pip install 'mmfer[mm]'\n")


@pytest.mark.parametrize('script, arguments, expected', [
    ('dist_train.sh', ['c.py', '2', '--resume', 'a b'],
     ['--nproc_per_node=2', 'tools/train.py', 'c.py', '--launcher', 'pytorch',
      '--resume', 'a b']),
    ('dist_test.sh', ['c.py', 'x.pth', '2', '--dump', 'p.pkl'],
     ['--nproc_per_node=2', 'tools/test.py', 'c.py', 'x.pth', '--launcher',
      'pytorch', '--dump', 'p.pkl']),
    ('slurm_train.sh', ['part', 'job', 'c.py', '--amp'],
     ['--kill-on-bad-exit=1', '--mem', '4', 'python', '-u', 'tools/train.py',
      'c.py', '--launcher', 'slurm', '--amp']),
    ('slurm_test.sh', ['part', 'job', 'c.py', 'x.pth'],
     ['--kill-on-bad-exit=1', '--mem', '4', 'python', '-u', 'tools/test.py',
      'c.py', 'x.pth', '--launcher', 'slurm']),
])
@pytest.mark.skipif(os.name == 'nt', reason='shell scripts')
def test_shell_scripts_pass_everything_on(tmp_path, script, arguments,
                                          expected):
    # A python and an srun that print their arguments, one a line.
    for name in ('python', 'srun'):
        fake = tmp_path / name
        fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        fake.chmod(0o755)
    env = {**os.environ, 'SRUN_ARGS': '--mem 4',
           'PATH': f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'}
    out = subprocess.run(
        [str(REPOSITORY / 'tools' / script), *arguments],
        capture_output=True,
        text=True,
        env=env)
    assert out.returncode == 0, out.stderr
    printed = [
        line.replace(f'{REPOSITORY}{os.sep}', '')
        for line in out.stdout.splitlines()
    ]
    assert printed[-len(expected):] == expected
    short = subprocess.run([str(REPOSITORY / 'tools' / script), 'one'],
                           capture_output=True,
                           text=True)
    assert short.returncode == 2 and 'usage:' in short.stderr


def test_any_script_can_be_named_on_the_command_line(tmp_path):
    import torch
    source, target = tmp_path / 'in.pth', tmp_path / 'out.pth'
    torch.save(dict(state_dict={}, optimizer=1), source)
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'mmfer.handover',
         'deployment/publish_model.py', str(source), str(target)],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)})
    assert out.returncode == 0, out.stderr
    published, = tmp_path.glob('out_*.pth')
    assert 'optimizer' not in torch.load(published, weights_only=True)
