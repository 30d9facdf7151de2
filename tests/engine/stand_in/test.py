# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stands in for tools/test.py: the same arguments and files, no model.

The clips are those of the annotation file; of each class a checkpoint of
epoch 2 knows both, any other only the first.
"""
import argparse
import json
import pickle
import zipfile
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument('config')
parser.add_argument('checkpoint')
parser.add_argument('--work-dir')
parser.add_argument('--dump')
parser.add_argument('--launcher')
args = parser.parse_args()

cfg = {}
exec(Path(args.config).read_text(), cfg)
assert not cfg.get('load_from'), 'the config of a resumed training'
dataset = cfg['test_dataloader']['dataset']
with zipfile.ZipFile(args.checkpoint) as archive:
    fold, _, epoch = map(int, archive.read('checkpoint').split())
assert fold == dataset['fold'], 'tested on clips of another fold'
path = Path(dataset['data_root'], dataset['ann_file'])
samples = []
for clip in json.loads(path.read_text())['clips']:
    if clip['fold'] == fold:
        label = ['happy', 'sad'].index(clip['label'])
        scores = [.4, .6] if epoch == 2 and label else [.6, .4]
        samples.append(dict(gt_label=label, pred_score=scores,
                            filename=clip['path'], subject=clip['subject']))
with open(args.dump, 'wb') as file:
    pickle.dump(samples, file)
