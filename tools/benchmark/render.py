# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Make Markdown tables and a plot from what the benchmarks wrote.

Reads the JSON files of read.py, infer.py and train_loader.py, in any number
and order. Ratios are formed within one file only.
"""
import argparse
import json
import statistics
import sys

import numpy as np

from mmfer.atomic import replacing, write_text

EXAMPLES = """example:
  python tools/benchmark/render.py read.json infer.json loader.json --out t.md
  python tools/benchmark/render.py infer.json --plot accuracy_latency.png
"""


#: Of models in the plot.
MARKERS = 'osD^v<>PX*'


def machine_line(report):
    """Where and when: one sentence."""
    facts = report['machine']
    threads = report.get('threads', 1)
    return (f'{facts["processor"]}, {facts["cores"]} cores, load '
            f'{facts["load"][0]:.1f}; {report["rounds"]} interleaved rounds; '
            f'threads: {threads or "as each library likes"}.')


def middle(values):
    """Median with quartiles, as text."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return f'{median:.2f} ({low:.2f} - {high:.2f})'


def render_infer(report):
    """Tables of file to prediction, one for each runtime.

    Args:
        report (dict): Of infer.py.

    Returns:
        str: Markdown.
    """
    lines = [machine_line(report), '']
    first = report['clips'][0]
    lines += [f'{len(report["clips"])} {report["label"]}, {first["codec"]}, '
              f'{first["size"][0]}x{first["size"][1]}, {first["pictures"]} '
              'pictures.', '']
    runtimes = list(dict.fromkeys(
        key.split(' | ')[1] for key in report['samples']))
    for runtime in runtimes:
        rows = {key.split(' | ')[0]: sample
                for key, sample in report['samples'].items()
                if key.endswith(f' | {runtime}')}
        base = next((name for name in rows
                     if report['models'][name]['kind'] == 'residual'), None)
        lines += [
            f'**{runtime}**', '',
            '| file to prediction | M parameters | GMAC | UAR | CPU ms | '
            'wall ms | open + read | transform | forward | CPU time / '
            f'{base} |', '|' + '---|' * 10
        ]
        for name, sample in sorted(
                rows.items(),
                key=lambda item: statistics.median(item[1]['cpu'])):
            lines.append(_infer_row(
                name, runtime, report['models'][name], sample,
                rows[base]['cpu'] if base else None))
        lines.append('')
    lines += [f'* {name} left out: {why}'
              for name, why in report['left_out'].items()]
    return '\n'.join(lines + [f'* {note}' for note in report['notes']])


def _infer_row(name, runtime, model, sample, base):
    stages = {key: statistics.median(s[key] for s in sample['stages'])
              for key in sample['stages'][0]}
    accuracy = model['accuracy'].get(runtime)
    median = statistics.median(sample['cpu'])
    cells = [
        name, f'{model["parameters"] / 1e6:.2f}', f'{model["gmac"]:.3f}',
        f'{accuracy["UAR"]:.3f}' if accuracy else 'random weights'
        if not model['checkpoint'] else 'not measured',
        middle(sample['cpu']), f'{statistics.median(sample["wall"]):.2f}',
        f'{stages["open"] + stages["read"]:.2f}',
        f'{stages["transform"]:.2f}', f'{stages["forward"]:.2f}',
        f'{median / statistics.median(base):.1f}' if base else ''
    ]
    return '| ' + ' | '.join(cells) + ' |'


def render_train_loader(report):
    """Clips a second and core.

    Args:
        report (dict): Of train_loader.py.

    Returns:
        str: Markdown.
    """
    lines = [machine_line(report), '']
    for label, group in report['groups'].items():
        lines += [
            f'**{label}**: {len(group["files"])} clips, {group["codec"]}, '
            f'{group["size"][0]}x{group["size"][1]}, {group["pictures"]} '
            f'pictures; batches of {report["batch_size"]}', '',
            '| loader | workers | clips a second and core | clips a second '
            f'(wall) | {report["base"]} is faster by |', '|' + '---|' * 5
        ]
        rates = {
            key: [s['clips'] / s['cpu'] for s in samples]
            for key, samples in group['samples'].items()
        }
        for key in sorted(rates, key=lambda k: (
                k.split(' | ')[1], -statistics.median(rates[k]))):
            name, workers = key.split(' | ')
            base = rates[f'{report["base"]} | {workers}']
            wall = [s['clips'] / s['wall'] for s in group['samples'][key]]
            ratio = statistics.median(base) / statistics.median(rates[key])
            lines.append(
                f'| {name} | {workers} | {middle(rates[key])} | '
                f'{statistics.median(wall):.1f} | {ratio:.1f} |')
        lines.append('')
    return '\n'.join(lines + [f'* {note}' for note in report['notes']])


def render(report):
    """Table of any benchmark.

    Args:
        report (dict): Of read.py, infer.py or train_loader.py.

    Returns:
        str: Markdown.

    Raises:
        ValueError: Of none of them.
    """
    kind = report.get('benchmark')
    if kind == 'read':
        import read
        return read.render(report)
    if kind == 'infer':
        return render_infer(report)
    if kind == 'train_loader':
        return render_train_loader(report)
    raise ValueError(f'no benchmark is called {kind!r}')


def plot_accuracy(report, path):
    """UAR against CPU time, one point for each model and runtime.

    Args:
        report (dict): Of infer.py.
        path (str): Picture to write.

    Returns:
        int: Number of points; models without accuracy have none.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ValueError(f'matplotlib cannot be imported ({error}): pip '
                         'install "mmfer[vis]"') from None
    matplotlib.use('Agg')
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout='constrained')
    colours, markers, times = {}, {}, []
    for key, sample in report['samples'].items():
        name, runtime = key.split(' | ')
        accuracy = report['models'][name]['accuracy'].get(runtime)
        if accuracy is None:
            continue
        times.append(statistics.median(sample['cpu']))
        colour = colours.setdefault(runtime, f'C{len(colours)}')
        marker = markers.setdefault(name, MARKERS[len(markers) % len(MARKERS)])
        axes.scatter(times[-1], accuracy['UAR'], color=colour, marker=marker,
                     s=60, alpha=.8)
    axes.set(xlabel='file to prediction, CPU ms',
             ylabel='UAR on unseen persons')
    if times and max(times) > 10 * min(times):
        axes.set_xscale('log')
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter('{x:g}')
        axes.xaxis.set_minor_formatter(NullFormatter())
    # One entry for each colour and for each marker: labels would overlap.
    for runtime, colour in colours.items():
        axes.scatter([], [], color=colour, marker='s', label=runtime)
    for name, marker in markers.items():
        axes.scatter([], [], color='black', marker=marker, label=name)
    if times:
        figure.legend(loc='outside right upper', fontsize=8)
    axes.grid(alpha=.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    pyplot.close(figure)
    return len(times)


def parse_args(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('reports', nargs='+', metavar='JSON')
    parser.add_argument('--out', metavar='MD',
                        help='file for the tables (default: the terminal)')
    parser.add_argument('--plot', metavar='PNG',
                        help='accuracy against time, of the first infer.json')
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    texts, plotted = [], None
    for path in args.reports:
        try:
            with open(path, encoding='utf-8') as file:
                report = json.load(file)
            texts.append(render(report))
        except (OSError, ValueError, KeyError) as error:
            print(f'{path}: no report of a benchmark ({error})',
                  file=sys.stderr)
            return 2
        if plotted is None and report['benchmark'] == 'infer':
            plotted = report
    if args.plot:
        if plotted is None:
            print('--plot needs a report of infer.py', file=sys.stderr)
            return 2
        plot_accuracy(plotted, args.plot)
    text = '\n\n'.join(texts) + '\n'
    if args.out:
        write_text(args.out, text)
    else:
        print(text, end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
