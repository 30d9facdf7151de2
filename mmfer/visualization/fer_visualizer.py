# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a network was shown of a clip, and what it made of it."""
import os
from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmengine.visualization import Visualizer

from mmfer.codec import CompressedVideo, CompressedVideoError
from mmfer.registry import VISUALIZERS

from .compressed import colour_motion
from .palette import INK, class_colours
from .figures import new_figure, save_figure

_FAINT, _RIGHT, _WRONG = '#5F6368', '#188038', '#C5221F'
#: mmfer.ReadResiduals stores motion in quarter pixels.
_UNITS_PER_PIXEL = 4
_CAPTION = .27  # inches above a row of pictures


@VISUALIZERS.register_module()
class FERVisualizer(Visualizer):
    """Draw a sample: residuals, motion, the key picture and the scores.

    ``tools/test.py --show-dir`` draws with it through
    :class:`mmfer.FERVisualizationHook`. The pictures are the network's own
    input, after cropping and flipping, in signed grey.

    Args:
        name (str): Of the instance. Defaults to 'visualizer'.
        pictures (int): Pictures of a clip that are drawn; of more, as many
            are chosen evenly. Defaults to 8.
        **kwargs: Of mmengine's ``Visualizer``: ``vis_backends``,
            ``save_dir``.
    """

    def __init__(self,
                 name: str = 'visualizer',
                 pictures: int = 8,
                 **kwargs) -> None:
        super().__init__(name, **kwargs)
        if pictures < 1:
            raise ValueError(f'`pictures` is at least 1, got {pictures}')
        self.pictures = pictures

    def add_datasample(self,
                       name: str,
                       inputs: Any,
                       data_sample: Optional[Any] = None,
                       residual_channels: Optional[int] = None,
                       colours: str = 'bgr',
                       show: bool = False,
                       wait_time: float = 0.,
                       out_path: Optional[Union[str, Path]] = None,
                       step: int = 0) -> None:
        """Draw a sample and show, write or record the picture.

        Args:
            name (str): Name of the picture.
            inputs (torch.Tensor | np.ndarray): Input of the network before
                normalisation: (M, C, H, W) or (num_clips, C, T, H, W); int16
                for residuals, uint8 for pictures.
            data_sample (ActionDataSample, optional): Truth, prediction and
                what is known of the clip. Defaults to None.
            residual_channels (int, optional): Channels before the two of the
                motion. Defaults to None: all if there are 1 or 3, all but
                two otherwise.
            colours (str): What three residual channels are: 'bgr' or 'yuv'.
                Defaults to 'bgr'.
            show (bool): Whether to open a window. Defaults to False.
            wait_time (float): Seconds that it stays, 0 for ever.
                Defaults to 0.
            out_path (str | Path, optional): Write the picture here. Defaults
                to None: the visualiser's backends record it.
            step (int): For the backends. Defaults to 0.
        """
        figure = draw_sample(
            np.asarray(inputs), data_sample,
            (self.dataset_meta or {}).get('classes'), residual_channels,
            colours, self.pictures)
        if out_path is not None:
            save_figure(figure, out_path)
        if not show and out_path is not None:
            return
        figure.canvas.draw()
        picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_path is None:
            self.add_image(name, picture, step)


def draw_sample(inputs: np.ndarray,
                data_sample: Optional[Any] = None,
                classes: Optional[Sequence[str]] = None,
                residual_channels: Optional[int] = None,
                colours: str = 'bgr',
                pictures: int = 8):
    """Draw what :class:`FERVisualizer` shows.

    Args:
        inputs, data_sample, residual_channels, colours, pictures: See
            :class:`FERVisualizer`.
        classes (Sequence[str], optional): Names. Defaults to None, numbers.

    Returns:
        matplotlib.figure.Figure: The picture.

    Raises:
        ValueError: The input has another shape.
    """
    rows = _panels(inputs, residual_channels, colours, pictures)
    scores = _field(data_sample, 'pred_score')
    count = 0 if scores is None else len(scores)
    names = [str(name) for name in classes or range(count)]
    high, wide = rows[0][1].shape[1:3]
    side, columns, left = 1.02, len(rows[0][1]), 2.55
    tall = min((side - .06) * high / wide, 1.3)
    block = tall + _CAPTION + .12
    content = max(len(rows) * block, 2.2 + _CAPTION, .25 * count + _CAPTION)
    height = .5 + content + .15
    bars_wide = 2.75 if count else .2
    width = max(left + columns * side + .3 + bars_wide, 8.)
    figure = new_figure(width, height, dpi=110)
    top = height - .5
    word, picture = _key_picture(data_sample)
    _caption(figure, .15, top, word)
    axes = _axes(figure, (.15, top - _CAPTION - 2.2, 2.2, 2.2))
    axes.imshow(picture, interpolation='antialiased')
    axes.set_anchor('NW')
    for row, (word, cells) in enumerate(rows):
        upper = top - row * block
        _caption(figure, left, upper, word)
        for column, cell in enumerate(cells):
            axes = _axes(figure, (left + column * side,
                                  upper - _CAPTION - tall, side - .06, tall))
            axes.imshow(cell, interpolation='nearest')
            axes.set_anchor('NW')
    if count:
        start = width - bars_wide + .8
        high = content - _CAPTION - .12
        _draw_bars(figure, scores, names, _truth(data_sample),
                   (start, top - _CAPTION - high, bars_wide - 1.3, high))
        _caption(figure, start - .75, top, 'score in %, ▸ truth')
    _draw_head(figure, data_sample, names, scores)
    return figure


def _panels(inputs: np.ndarray, residual_channels, colours: str,
            most: int) -> List[Tuple[str, np.ndarray]]:
    """Turn the input into rows of pictures, uint8 (M, H, W, 3), with words."""
    if inputs.ndim == 5:  # (num_clips, C, T, H, W): the first clip
        inputs = inputs[0].swapaxes(0, 1)
    if inputs.ndim != 4:
        raise ValueError('the input of a sample is (M, C, H, W) or '
                         f'(num_clips, C, T, H, W), got {inputs.shape}')
    if len(inputs) > most:
        inputs = inputs[np.linspace(0, len(inputs) - 1, most).round()
                        .astype(int)]
    channels = inputs.shape[1]
    if inputs.dtype == np.uint8:
        cells = inputs.transpose(0, 2, 3, 1)
        cells = cells.repeat(3, 3) if channels == 1 else cells[..., :3]
        return [('pictures', cells)]
    if residual_channels is None:
        residual_channels = channels if channels in (1, 3) else channels - 2
    residual = inputs[:, :residual_channels].astype(np.float32)
    # The strongest of two hundred samples reaches black or white.
    most_grey = max(float(np.quantile(np.abs(residual), .995)), 8.)
    if residual_channels == 3 and colours == 'bgr':
        cells = residual[:, ::-1].transpose(0, 2, 3, 1)
    else:
        cells = residual[:, 0, :, :, None].repeat(3, 3)
    cells = np.clip(128 + 127 * cells / most_grey, 0, 255).astype(np.uint8)
    rows = [(f'residual: grey is 0, white +{most_grey:.0f}, black '
             f'−{most_grey:.0f} levels', cells)]
    if channels - residual_channels == 2:
        motion = inputs[:, residual_channels:].astype(np.float32).transpose(
            0, 2, 3, 1) / _UNITS_PER_PIXEL
        length = np.hypot(motion[..., 0], motion[..., 1])
        limit = max(float(np.quantile(length, .98)), 1.)
        rows.append((
            f'motion: red right, cyan left, full colour {limit:.1f} pixels',
            np.stack([colour_motion(one, limit) for one in motion])))
    return rows


def _axes(figure, place):
    """Make empty axes at (left, bottom, width, height) in inches."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((place[0] / width, place[1] / height,
                            place[2] / width, place[3] / height))
    axes.set(xticks=(), yticks=())
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def _field(data_sample, name: str):
    """Read a tensor of a sample as an array; None if it has none."""
    value = None if data_sample is None else data_sample.get(name)
    return None if value is None else np.asarray(value.cpu())


def _caption(figure, left: float, top: float, text: str) -> None:
    width, height = figure.get_size_inches()
    figure.text(left / width, (top - _CAPTION + .05) / height, text,
                fontsize=8.5, color=_FAINT, va='bottom', parse_math=False)


def _key_picture(data_sample) -> Tuple[str, np.ndarray]:
    """Decode the first key picture, if the clip can be read from disk."""
    filename = None if data_sample is None else data_sample.get('filename')
    if isinstance(filename, (str, os.PathLike)):
        try:
            with CompressedVideo(filename) as video:
                index = int(video.keyframes[0]) if len(video.keyframes) else 0
                return f'key picture {index}, not used', video.frame_at(index)
        except (CompressedVideoError, OSError):
            pass  # such as a clip in remote storage; the rest can be drawn
    return 'key picture not available', np.full((8, 8, 3), 241, np.uint8)


def _draw_bars(figure, scores, names, truth, place) -> None:
    axes = _axes(figure, place)
    best = int(scores.argmax())
    axes.barh(range(len(scores)), scores, height=.62,
              color=class_colours(names))
    for number, (name, score) in enumerate(zip(names, scores)):
        strong = 'bold' if number in (truth, best) else 'normal'
        axes.text(-.03, number, ('▸ ' if number == truth else '') + name,
                  ha='right', va='center', fontsize=9, color=INK,
                  fontweight=strong, parse_math=False)
        axes.text(score + .02, number, f'{100 * score:.0f}', va='center',
                  fontsize=8.5, color=INK, fontweight=strong)
    axes.set(xlim=(0, 1), ylim=(len(scores) - .5, -.5))
    axes.axvline(0, color=_FAINT, linewidth=.6)


def _truth(data_sample) -> Optional[int]:
    label = _field(data_sample, 'gt_label')
    return int(label.ravel()[0]) if label is not None and label.size == 1 \
        else None


def _draw_head(figure, data_sample, names, scores) -> None:
    """Write who is seen, in which file, and whether it was recognised."""
    width, height = figure.get_size_inches()
    know = (lambda key: None) if data_sample is None else data_sample.get
    filename = know('filename')
    facts = [os.path.basename(os.fspath(filename))] if isinstance(
        filename, (str, os.PathLike)) else []
    facts += [f'{word} {know(word)}' for word in ('subject', 'fold')
              if know(word) is not None]
    line = 1 - .24 / height
    figure.text(.15 / width, line, '  ·  '.join(facts), fontsize=10.5,
                fontweight='bold', color=INK, va='center', parse_math=False)
    truth = _truth(data_sample)
    parts = [] if truth is None else [f'truth {_name(names, truth)}']
    colour = INK
    if scores is not None:
        best = int(scores.argmax())
        parts.append(f'prediction {names[best]} {100 * scores[best]:.0f} %')
        if truth is not None:
            colour = _RIGHT if best == truth else _WRONG
            parts.append('right' if best == truth else 'wrong')
    figure.text(1 - .15 / width, line, '  ·  '.join(parts), fontsize=10.5,
                color=colour, ha='right', va='center', parse_math=False)


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else str(number)
