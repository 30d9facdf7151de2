# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Many files: whoever does them, however often it is stopped."""
import json
import multiprocessing
import os
import shutil
import signal
import sys

import pytest

from mmfer.apis import FERInferencer, UnsuitableConfig
from mmfer.apis.engines import (PredictionLogError, RayMissing,
                                predict_many)
from mmfer.apis.engines.prediction_log import PredictionLog


def answers(predictions):
    return [clip.to_dict(times=False) for clip in predictions]


@pytest.fixture(scope='module')
def files(clips, tmp_path_factory):
    """Twenty files, one of which is none."""
    folder = tmp_path_factory.mktemp('many')
    for number in range(19):
        shutil.copy(clips[number % len(clips)], folder / f'{number}.mp4')
    (folder / '19.mp4').write_text('not a video')
    return str(folder)


@pytest.fixture(scope='module')
def expected(files, model_of):
    """Answers of one process that does everything in a row."""
    return answers(predict_many(model_of, files, workers=0, job_size=4))


def test_one_process_answers_as_the_inferencer_does(files, expected, model_of):
    # In jobs as large as the set the batches are the same, to the last bit.
    whole = answers(predict_many(model_of, files, workers=0, job_size=99))
    assert whole == answers(FERInferencer(**model_of)(files))
    assert [clip['path'] for clip in expected] == [
        f'{files}/{n}.mp4' for n in range(20)]
    assert 'not a readable video' in expected[19]['error']


def test_killed_workers_lose_and_double_nothing(files, expected, model_of,
                                                tmp_path):
    log, killed, steps = tmp_path / 'log.jsonl', [], []

    def kill_one(done, total):
        steps.append(done)
        if not killed and done:
            killed.append(multiprocessing.active_children()[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    found = predict_many(model_of, files, workers=1, job_size=4,
                         log=str(log), progress=kill_one)
    assert killed and answers(found) == expected
    assert steps == sorted(steps) and steps[-1] == 20
    lines = log.read_text(encoding='utf-8').splitlines()
    assert [json.loads(line)['path'] for line in lines] == [
        clip['path'] for clip in expected]


def test_a_stopped_run_is_continued(files, expected, model_of, tmp_path):
    log = tmp_path / 'log.jsonl'

    class Stopped(Exception):
        pass

    def stop(done, total):
        if done >= 8:
            raise Stopped

    with pytest.raises(Stopped):
        predict_many(model_of, files, workers=0, job_size=4, log=str(log),
                     progress=stop)
    whole = log.read_bytes()
    assert whole.count(b'\n') == 8
    # As if it had been killed while it wrote: half of the last line.
    log.write_bytes(whole[:-100])
    steps = []
    found = predict_many(model_of, files, workers=0, job_size=4, log=str(log),
                         progress=lambda done, total: steps.append(done))
    assert answers(found) == expected and steps[0] == 7
    again = predict_many(model_of, files, workers=0, job_size=4,
                         log=str(log), progress=lambda *_: None)
    assert answers(again) == expected


def test_results_of_two_models_are_not_mixed(files, model_of, tmp_path):
    log = str(tmp_path / 'log.jsonl')
    predict_many(model_of, f'{files}/1.mp4', workers=0, log=log)
    for change in (dict(window=1.), dict(checkpoint=None)):
        with pytest.raises(PredictionLogError, match='other settings'):
            predict_many({**model_of, **change}, f'{files}/1.mp4', workers=0,
                         log=log)
    (tmp_path / 'text.jsonl').write_text('hello\n')
    with pytest.raises(PredictionLogError, match='not a log'):
        PredictionLog(str(tmp_path / 'text.jsonl'))


def test_missing_files_are_told_before_workers_start(model_of, files):
    for missing in (dict(checkpoint='gone.pth'), dict(config='gone.py')):
        with pytest.raises(UnsuitableConfig, match='gone.*no such'):
            predict_many(dict(model_of, **missing), files, workers=1)


@pytest.mark.parametrize('wrong', [
    dict(engine='cloud'), dict(workers=-1), dict(engine='ray', workers=0),
    dict(job_size=0)])
def test_settings_out_of_range(model_of, files, wrong):
    with pytest.raises(ValueError, match='engine|workers'):
        predict_many(model_of, files, **wrong)


def test_ray_gives_the_same(files, expected, model_of):
    pytest.importorskip('ray.data')
    found = predict_many(model_of, files, engine='ray', workers=1, job_size=4)
    assert answers(found) == expected


def test_without_ray_it_is_said_what_to_install(files, model_of, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(RayMissing, match=r"pip install 'mmfer\[bulk\]'"):
        predict_many(model_of, files, engine='ray')
