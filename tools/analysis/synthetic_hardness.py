# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much do single pictures of synthetic clips give away?

Renders a catalogue in memory and trains the same small network on different
views of every clip: one picture, or the difference to the first picture after
the head was registered. Prints the unweighted average recall (UAR) on
unseen persons, and how well nearest neighbours find the person.
"""
import argparse
import os
import sys
import time
import zipfile

import cv2
import numpy as np
import torch
from torch import nn

from mmfer.atomic import writing
from mmfer.command_line import whole_number
from mmfer.synthetic import SyntheticFaces, render_clip
from mmfer.synthetic.faces import expression_activations

EXAMPLE = """example:
  python tools/analysis/synthetic_hardness.py --subjects 60 --cache probe.npz
"""


def collect(faces, side):
    """First, centre and apex picture of every clip, reduced in size.

    A neutral clip has no apex; a random picture of the second and third
    quarter, where others have theirs, stands in.

    Args:
        faces (SyntheticFaces): Catalogue.
        side (int): Height and width of the stored pictures.

    Returns:
        dict[str, numpy.ndarray]: `first`, `centre`, `apex` and `registered`
        (the first picture moved onto the apex), (N, side, side, 3) uint8,
        `label`, `subject`, `take`, `intensity`.
    """
    rng = np.random.default_rng(0)
    names = ('first', 'centre', 'apex', 'registered')
    out = {name: [] for name in names + (
        'label', 'subject', 'take', 'intensity')}
    start = time.process_time()
    for item in faces:
        clip = render_clip(item)
        labels = expression_activations(item)[1]
        stand_in = int(rng.integers(item.frames // 4, item.frames * 3 // 4))
        apex = clip[labels.get('apex', stand_in)]
        for name, picture in zip(names, (
                clip[0], clip[len(clip) // 2], apex,
                register(clip[0], apex))):
            out[name].append(cv2.resize(picture, (side, side),
                                        interpolation=cv2.INTER_AREA))
        out['label'].append(faces.classes.index(item.label))
        out['subject'].append(item.subject)
        out['take'].append(item.take)
        out['intensity'].append(labels['intensity'])
    spent = time.process_time() - start
    print(f'{len(faces)} clips rendered, {len(faces) / spent:.1f} per CPU '
          'second, registration included')
    return {name: np.array(value) for name, value in out.items()}


def register(moving, fixed):
    """Move a picture onto another by a similarity of tracked corners."""
    a, b = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (moving, fixed))
    size = a.shape[0]
    inner = np.zeros_like(a)
    inner[size // 6:size * 9 // 10, size // 5:size * 4 // 5] = 1
    corners = cv2.goodFeaturesToTrack(a, 120, 0.005, 3, mask=inner)
    if corners is None:
        return moving
    found, good, _ = cv2.calcOpticalFlowPyrLK(a, b, corners, None)
    good = good.ravel() == 1
    cv2.setRNGSeed(0)
    matrix = None
    if good.sum() >= 6:
        matrix, _ = cv2.estimateAffinePartial2D(
            corners[good], found[good], ransacReprojThreshold=1.0)
    if matrix is None:
        return moving
    return cv2.warpAffine(moving, matrix, (size, size),
                          borderMode=cv2.BORDER_REPLICATE)


def small_network(channels, classes):
    """Four strided convolutions, 0.3 M parameters."""
    layers, before = [nn.BatchNorm2d(channels)], channels
    for width in (24, 48, 96, 128):
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False),
                   nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.4),
                         nn.LazyLinear(classes))


def augment(batch, rng):
    """Random mirror image and shift by up to three pixels."""
    if rng.uniform() < 0.5:
        batch = batch.flip(3)
    y, x = (int(v) for v in rng.integers(-3, 4, 2))
    return torch.roll(batch, (y, x), (2, 3))


def train_and_test(views, labels, train, test, epochs, seed):
    """UAR on the test clips of the small network after training."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(views.astype(np.float32)).permute(0, 3, 1, 2)
    inputs = inputs / 64
    targets = torch.from_numpy(labels)
    model = small_network(inputs.shape[1], int(labels.max()) + 1)
    model(inputs[:2])
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3,
                                  weight_decay=0.05)
    batches = [b for b in range(0, len(train), 32)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3, total_steps=epochs * len(batches))
    for _ in range(epochs):
        order = rng.permutation(train)
        model.train()
        for b in batches:
            chosen = order[b:b + 32]
            if len(chosen) > 1:
                loss = nn.functional.cross_entropy(
                    model(augment(inputs[chosen], rng)), targets[chosen],
                    label_smoothing=0.05)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        said = model(inputs[test]).argmax(1).numpy()
    truth = labels[test]
    recalls = [(said[truth == c] == c).mean() for c in np.unique(truth)]
    return float(np.mean(recalls)), recalls


def find_person(pictures, subjects):
    """Share of clips whose nearest other clip shows the same person.

    Pictures are compared pixel by pixel around the face at a size of 13 by 8,
    without brightness and contrast.
    """
    side = pictures.shape[1]
    faces = pictures[:, side // 10:side * 9 // 10, side // 4:side * 3 // 4]
    faces = np.stack([cv2.resize(f.astype(np.float32), (8, 13),
                                 interpolation=cv2.INTER_AREA)
                      for f in faces]).reshape(len(faces), -1)
    faces = faces - faces.mean(1, keepdims=True)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    near = faces @ faces.T
    np.fill_diagonal(near, -2)
    return float((subjects[near.argmax(1)] == subjects).mean())


def learn_persons(data, epochs):
    """Recall of persons in the last take by the network, trained on others.

    It sees three pictures of each training clip and is asked about the centre
    picture of unseen clips.
    """
    views = np.concatenate([data[k] for k in ('centre', 'first', 'apex')])
    subjects = np.tile(data['subject'], 3)
    held = data['take'] == data['take'].max()
    train = np.flatnonzero(np.tile(~held, 3))
    return train_and_test(views, subjects, train, np.flatnonzero(held),
                          epochs, 0)[0]


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--subjects', type=whole_number(1), default=60)
    parser.add_argument('--takes', type=whole_number(1), default=2)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--side', type=whole_number(8), default=64,
                        help='pictures are reduced to this size')
    parser.add_argument('--epochs', type=whole_number(1), default=30)
    parser.add_argument('--runs', type=whole_number(1), default=2,
                        help='trainings per view')
    parser.add_argument('--cache', help='.npz file that keeps the pictures')
    return parser.parse_args()


def main():
    args = parse_args()
    cv2.setNumThreads(1)
    faces = SyntheticFaces(args.subjects, args.takes, seed=args.seed)
    if args.cache and os.path.exists(args.cache):
        try:
            with np.load(args.cache, allow_pickle=False) as stored:
                data = dict(stored)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            sys.exit(f'error: {args.cache}: holds no pictures ({error})')
    else:
        data = collect(faces, args.side)
        if args.cache:
            with writing(args.cache, 'wb') as file:
                np.savez(file, **data)
    splits = faces.splits()
    tested = np.array([splits[s][0] == 'test' for s in data['subject']])
    train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    apex = data['apex'].astype(np.int16)
    views = {
        'apex picture': data['apex'], 'centre picture': data['centre'],
        'first picture': data['first'],
        'apex - first': apex - data['first'],
        'apex - registered first': apex - data['registered']}
    for name, view in views.items():
        results = [train_and_test(view, data['label'], train, test,
                                  args.epochs, run)
                   for run in range(args.runs)]
        recalls = np.mean([r[1] for r in results], 0)
        print(f'{name:26s} UAR {np.mean([r[0] for r in results]):.3f}   '
              + ' '.join(f'{c} {r:.2f}'
                         for c, r in zip(faces.classes, recalls)), flush=True)
    print(f'chance                     UAR {1 / len(faces.classes):.3f}')
    people = len(np.unique(data['subject']))
    print('person found by the nearest other clip, raw pixels: '
          f'{find_person(data["centre"], data["subject"]):.3f} '
          f'(chance {1 / people:.3f})')
    if args.takes > 1:
        print('person told by the network in the centre picture of an unseen '
              f'clip: {learn_persons(data, args.epochs):.3f}')


if __name__ == '__main__':
    from mmfer.command_line import run
    run(main)
