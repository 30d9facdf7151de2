# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The log of many files: whose it is, what it keeps, and who may write."""
import json
import os
import subprocess
import sys
import time

import pytest

from mmfer.apis.engines import FileInUse, PredictionLogError, predict_many
from mmfer.apis.engines.file_jobs import run_digest
from mmfer.apis.engines.prediction_log import PredictionLog


def line_of(name, **more):
    return json.dumps(dict(path=str(name), error=None, **more))


@pytest.mark.parametrize('text', [
    'a note without an end', '{"path": 1', '{"run": "b", "pa',
    '{"run": "a", "path": "x", "error": null}\nmy notes'])
def test_a_foreign_file_stays_as_it_is(tmp_path, text):
    log = tmp_path / 'notes.txt'
    log.write_text(text)
    with pytest.raises(PredictionLogError, match='notes.txt'):
        PredictionLog(str(log), 'a')
    assert log.read_text() == text


def test_a_wrong_setting_changes_nothing(tmp_path, model_of, clips):
    log = tmp_path / 'log.jsonl'
    predict_many(model_of, clips[:1], workers=0, log=str(log))
    # Of the same run as far as the digest tells, and half a line.
    half = log.read_bytes()[:-9]
    log.write_bytes(half)
    from unittest import mock
    with mock.patch('mmfer.apis.engines.file_jobs.FilePredictor.__init__',
                    side_effect=ValueError('wrong')), \
            pytest.raises(ValueError, match='wrong'):
        predict_many(model_of, clips[:1], workers=0, log=str(log))
    assert log.read_bytes() == half
    with pytest.raises(ValueError, match='stride'):
        predict_many(dict(model_of, stride=1.), clips[:1], workers=0,
                     log=str(tmp_path / 'new.jsonl'))
    assert not (tmp_path / 'new.jsonl').exists()


def test_errors_and_changed_files_are_predicted_again(tmp_path, model_of,
                                                      clips):
    log, names = tmp_path / 'log.jsonl', []
    for number in range(3):
        names.append(str(tmp_path / f'{number}.mp4'))
        with open(clips[number], 'rb') as source:
            data = source.read()
        with open(names[-1], 'wb') as file:
            file.write(data if number else b'')
    def run():
        return predict_many(model_of, names, workers=0, log=str(log),
                            job_size=1)
    first = run()
    assert [clip.error is None for clip in first] == [False, True, True]
    with open(clips[0], 'rb') as source, open(names[0], 'wb') as file:
        file.write(source.read())
    with open(clips[3], 'rb') as source, open(names[1], 'wb') as file:
        file.write(source.read())
    os.utime(names[1], ns=(1, 1))
    again = run()
    assert not any(clip.error for clip in again)
    assert again[1].scores.tolist() != first[1].scores.tolist()
    assert again[2].scores.tolist() == first[2].scores.tolist()
    records = [json.loads(text) for text in log.read_text().splitlines()]
    assert [record['path'] for record in records] == names
    # A file that is gone keeps its answer.
    os.unlink(names[2])
    assert run()[2].error is None


def test_logs_without_stamps_are_read(tmp_path):
    log = tmp_path / 'log.jsonl'
    log.write_text('{"run": "a", "path": "x", "error": null}\n'
                   '{"run": "a", "path": "y", "error": "y: no"}\n')
    with PredictionLog(str(log), 'a', dict(x=[1, 2], y=[3, 4])) as kept:
        assert 'x' in kept and 'y' not in kept
        kept.add([line_of('y')])
        kept.sort(['y', 'x'])
        assert [json.loads(text)['path'] for text in kept.read(['x', 'y'])
                ] == ['x', 'y']
    assert [json.loads(text) for text in log.read_text().splitlines()] == [
        dict(run='a', stamp=[3, 4], path='y', error=None),
        dict(run='a', path='x', error=None)]


def test_two_runs_do_not_share_a_log(tmp_path):
    log = tmp_path / 'log.jsonl'
    with PredictionLog(str(log), 'a') as kept:
        for _ in range(2):
            with pytest.raises(FileInUse, match=f'process {os.getpid()}'):
                PredictionLog(str(log), 'a')
            kept.add([line_of('x')])
            kept.sort(['x'])  # the file that takes its place is locked, too
    code = ('import sys; from mmfer.apis.engines import PredictionLog; '
            f'k = PredictionLog({str(log)!r}, "a"); print(1, flush=True); '
            'sys.stdin.read()')
    with subprocess.Popen([sys.executable, '-W', 'ignore', '-c', code],
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(FileInUse, match=f'process {other.pid} is work'):
            PredictionLog(str(log), 'a')
        other.stdin.close()
    PredictionLog(str(log), 'a').close()


def test_a_log_of_many_files_is_sorted_quickly(tmp_path):
    names = [f'{number}.mp4' for number in range(20000)]
    with PredictionLog(str(tmp_path / 'log.jsonl'), 'a') as kept:
        kept.add([line_of(name) for name in reversed(names)])
        start = time.process_time()
        kept.sort(names)
        assert time.process_time() - start < 5
        assert json.loads(next(kept.read(['7.mp4'])))['path'] == '7.mp4'


def test_every_file_of_a_model_and_a_detector_counts(tmp_path, model_of):
    for name in ('m.xml', 'm.bin', 'm.json', 'faces.xml'):
        (tmp_path / name).write_text(name)
    settings = dict(config=model_of['config'],
                    checkpoint=str(tmp_path / 'm.xml'),
                    detector=f'haar:{tmp_path}/faces.xml')
    digests = {run_digest(settings)}
    for name in ('m.xml', 'm.bin', 'm.json', 'faces.xml'):
        (tmp_path / name).write_text('another')
        digests.add(run_digest(settings))
    assert len(digests) == 5


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='limits the size of files')
def test_a_full_disk_costs_no_answer(tmp_path):
    script = f'''if True:
        import json, resource, signal
        from mmfer.apis.engines.prediction_log import PredictionLog
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with PredictionLog({str(tmp_path / 'log.jsonl')!r}, 'a') as log:
            try:
                for n in range(9):
                    log.add([json.dumps(dict(path=str(n), error=None,
                                             text='x' * 700))])
            except OSError:
                pass
            names = [str(n) for n in range(9) if str(n) in log]
            print([json.loads(line)['path'] for line in log.read(names)])
    '''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', script],
                          capture_output=True, text=True)
    assert done.stdout == "['0', '1']\n", done.stderr
