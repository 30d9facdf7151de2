# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Stands in for tools/train.py: the same arguments and files, no training.

Environment: CRASH_FOLD makes that fold fail; SLOW_FOLD makes its second epoch
last until the file GO exists in the work directory.
"""
import argparse
import json
import os
import time
import zipfile
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument('config')
parser.add_argument('--work-dir', type=Path)
parser.add_argument('--resume', nargs='?', const='auto')
parser.add_argument('--launcher')
parser.add_argument('--amp', action='store_true')
args = parser.parse_args()

cfg = {}
exec(Path(args.config).read_text(), cfg)
# As mmengine does: what was run, the checkpoint to resume from included.
cfg_text = Path(args.config).read_text() + f'load_from = {args.resume!r}\n'
(args.work_dir / Path(args.config).name).write_text(cfg_text)
dataset = cfg['train_dataloader']['dataset']
fold, seed = dataset['fold'], cfg['randomness']['seed']
print('devices', os.environ.get('CUDA_VISIBLE_DEVICES'))
if os.environ.get('CRASH_FOLD') == str(fold):
    raise SystemExit('out of luck')
begin = 0
if args.resume:
    begin = int(Path(args.resume).stem.split('_')[1])
print(f'from epoch {begin}')
(args.work_dir / 'pid').write_text(str(os.getpid()))
log = args.work_dir / f'{time.time_ns()}' / 'vis_data'
log.mkdir(parents=True)
for epoch in range(begin + 1, cfg['train_cfg']['max_epochs'] + 1):
    while epoch == 2 and os.environ.get('SLOW_FOLD') == str(fold) and \
            not (args.work_dir / 'GO').exists():
        time.sleep(.05)
    # Epoch 2 is the best one.
    names = [f'epoch_{epoch}.pth']
    if epoch <= 2:
        names.append(f'best_fer_UAR_epoch_{epoch}.pth')
        for path in args.work_dir.glob('best_*.pth'):
            path.unlink()
    for name in names:
        with zipfile.ZipFile(args.work_dir / name, 'w') as archive:
            archive.writestr('checkpoint', f'{fold} {seed} {epoch}')
    with open(log / 'scalars.json', 'a') as file:
        file.write(json.dumps(dict(epoch=epoch, step=epoch)) + '\n')
        file.write(json.dumps({'fer/UAR': epoch / 10, 'step': epoch}) + '\n')
