# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What do the dependence penalties remove? A study on drawn vectors.

Each clip is a vector in which an expression and a person are mixed; a small
encoder learns to classify the expression, under a penalty on the dependence
between its code and a noisy copy of the person. Fresh probes then read the
person from the code. The control `--shuffled` gives every clip the identity
code of another one: the penalty then cannot know about the person, and what
it removes all the same it removes by squeezing the code as a whole.
"""
import argparse
import ast
import statistics
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mmfer.command_line import whole_number
from mmfer.registry import DEPENDENCE

EXAMPLE = """examples:
  python tools/analysis/dependence_study.py none dcor vclub --seeds 0 1 2
  python tools/analysis/dependence_study.py dcor --weight 5 --shuffled
  python tools/analysis/dependence_study.py dcor --options unbiased=False
"""
# Weights at which accuracy on unseen persons did not suffer.
WEIGHTS = dict(dcor=5., hsic=50., cka=5., crosscov=5., vclub=0.03)
SUBJECTS, TRAINED_ON, CLIPS, CLASSES = 90, 72, 60, 6
INPUTS, CODE, IDENTITY = 256, 64, 128


def draw(seed):
    """Draw the clips.

    Args:
        seed (int): Of all that is drawn.

    Returns:
        tuple: Inputs (N, 256), identity codes (N, 128) of unit variance,
        both float32, labels (N,) and subjects (N,), both int64.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    def mixer(channels, outputs):
        return normal(channels, outputs) / channels**0.5

    count = SUBJECTS * CLIPS
    label = torch.randint(CLASSES, (count, ), generator=generator)
    subject = torch.arange(SUBJECTS).repeat_interleave(CLIPS)
    expression = normal(CLASSES, 16)[label] + 1.7 * normal(count, 16)
    person = normal(SUBJECTS, 32)[subject]
    seen = person + 0.15 * normal(count, 32)
    inputs = torch.tanh(expression @ mixer(16, INPUTS)) + \
        2 * torch.tanh(seen @ mixer(32, INPUTS)) + \
        0.5 * (expression @ mixer(16, INPUTS)) * (seen @ mixer(32, INPUTS)) + \
        0.6 * normal(count, INPUTS)
    # As of a face network: mostly the person, a little of the expression.
    identity = torch.tanh(person @ mixer(32, IDENTITY)) + \
        0.1 * expression @ mixer(16, IDENTITY) + 0.2 * normal(count, IDENTITY)
    identity = (identity - identity.mean(0)) / identity.std(0)
    return inputs / inputs.std(0), identity, label, subject


def train(name, weight, args, seed, inputs, identity, label):
    """Train an encoder and a classifier.

    Returns:
        tuple: Encoder, classifier, and the mean value of the penalty over the
        last 100 steps.
    """
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Linear(INPUTS, 256), nn.ReLU(), nn.Linear(256, CODE),
        nn.LayerNorm(CODE, elementwise_affine=False))
    classifier = nn.Linear(CODE, CLASSES)
    model = nn.ModuleList([encoder, classifier])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    penalty, values = None, []
    if name != 'none':
        penalty = DEPENDENCE.build(
            dict(type=name, **args.options),
            default_args=dict(x_channels=CODE, y_channels=IDENTITY))
        if penalty.learns:
            learner = torch.optim.Adam(penalty.parameters(), args.rate)
    for step in range(args.steps):
        rows = torch.randint(len(inputs), (args.batch, ))
        code = encoder(inputs[rows])
        loss = F.cross_entropy(classifier(code), label[rows])
        if penalty is not None:
            for _ in range(args.inner if penalty.learns else 0):
                learner.zero_grad()
                penalty.learning_loss(code, identity[rows]).backward()
                nn.utils.clip_grad_norm_(penalty.parameters(), 5)
                learner.step()
            value = penalty(code, identity[rows])
            values.append(value.item())
            loss = loss + weight * min(1, step / 300) * value
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
    return encoder, classifier, np.mean(values[-100:]) if values else 0.


def read_person(code, subject):
    """Train fresh probes on every other clip, ask about the rest.

    Returns:
        list[float]: Accuracy of a linear probe and of an MLP.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    probes = (LinearDiscriminantAnalysis('lsqr', shrinkage='auto'),
              MLPClassifier((256, ), max_iter=60, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        return [
            make_pipeline(StandardScaler(),
                          probe).fit(code[::2], subject[::2]).score(
                              code[1::2], subject[1::2]) for probe in probes
        ]


def effective_channels(code):
    """Participation ratio of the covariance's eigenvalues."""
    values = np.linalg.eigvalsh(np.cov(code.T))
    return values.sum()**2 / (values**2).sum()


def run(name, weight, args, seed):
    """Train once and measure.

    Returns:
        list[float]: Accuracy on unseen persons, linear and MLP probe,
        effective channels, penalty, seconds of the training.
    """
    inputs, identity, label, subject = draw(seed)
    if args.shuffled:
        order = torch.Generator().manual_seed(seed + 1)
        identity = identity[torch.randperm(len(identity), generator=order)]
    known = subject < TRAINED_ON
    start = time.process_time()
    encoder, classifier, value = train(name, weight, args, seed, inputs[known],
                                       identity[known], label[known])
    spent = time.process_time() - start
    with torch.no_grad():
        scores = classifier(encoder(inputs[~known]))
        code = encoder(inputs[known]).numpy()
    accuracy = (scores.argmax(1) == label[~known]).float().mean().item()
    return [
        accuracy, *read_person(code, subject[known].numpy()),
        effective_channels(code), value, spent
    ]


def option(text):
    """Read `key=value` with a Python literal as value."""
    key, equals, value = text.partition('=')
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        if not equals or not value:
            raise argparse.ArgumentTypeError(
                f'{text!r} is not key=value') from None
        return key, value


def main():
    """Read the arguments, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'penalties', nargs='+', help='names of the registry, or none')
    parser.add_argument(
        '--weight', type=float, help='of the penalty (default: one that '
        'suits it, 0.1 where none is known)')
    parser.add_argument(
        '--options', type=option, nargs='+', default=[], metavar='KEY=VALUE',
        help='arguments of the penalties')
    parser.add_argument('--seeds', type=whole_number(), nargs='+', default=[0])
    parser.add_argument('--steps', type=whole_number(1), default=800)
    parser.add_argument('--batch', type=whole_number(4), default=32)
    parser.add_argument(
        '--inner', type=whole_number(), default=5, help='estimator steps per step')
    parser.add_argument(
        '--rate', type=float, default=1e-3, help='of the estimator; the '
        'encoder learns at 0.001')
    parser.add_argument(
        '--shuffled', action='store_true', help='identity codes of other '
        'clips: the control')
    args = parser.parse_args()
    args.options = dict(args.options)
    DEPENDENCE.import_from_location()
    unknown = set(args.penalties) - set(DEPENDENCE.module_dict) - {'none'}
    if unknown:
        parser.error(f'no penalty {", ".join(sorted(unknown))}; there are '
                     f'none, {", ".join(sorted(DEPENDENCE.module_dict))}')
    torch.set_num_threads(1)
    print('| penalty | weight | accuracy, unseen persons | person, linear | '
          'person, MLP | effective channels | penalty | s |\n' + '|---' * 8 +
          '|', flush=True)
    for name in args.penalties:
        weight = WEIGHTS.get(name, 0.1) if args.weight is None else args.weight
        columns = zip(*(run(name, weight, args, seed) for seed in args.seeds))
        cells = []
        for values, digits in zip(columns, (3, 3, 3, 1, 3, 0)):
            cells.append(f'{statistics.mean(values):.{digits}f}')
            if len(values) > 1 and digits == 3:
                cells[-1] += f' ± {statistics.stdev(values):.3f}'
        print(f'| {name} | {weight:g} | ' + ' | '.join(cells) + ' |',
              flush=True)


if __name__ == '__main__':
    from mmfer import command_line
    command_line.run(main)
