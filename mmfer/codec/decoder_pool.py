# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Decoders that wait, flushed, for the next clip of the same coding.

A decoder's first packet costs as much as several later ones, since its tables
and frames are allocated then. The clips of a data set share their coding, so
the decoder of one is handed to the next. Flushing makes a decoder forget its
pictures, but neither the headers it was sent nor what its memory holds, which
shows where a packet is damaged; hence one waits only if it was fed nothing
but unharmed pictures.
"""
import os
import threading
from collections import OrderedDict

_MOST = 4  # decoders that wait in a process
_LARGEST = 5 << 18  # pixels; above, a decoder holds many megabytes


class _Pool:
    """Waiting decoders by what they were made with, the oldest first."""

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = OrderedDict()

    def take(self, key):
        with self.lock:
            return self.waiting.pop(key, None)

    def give(self, key, context):
        with self.lock:
            self.waiting[key] = context
            self.waiting.move_to_end(key)
            if len(self.waiting) > _MOST:
                self.waiting.popitem(last=False)


_pool = _Pool()


def take_decoder(codec, extradata, width, height, options):
    """Return a decoder that waits for streams of this coding.

    Args:
        codec (str): FFmpeg's decoder name.
        extradata (bytes): The stream's global header.
        width, height (int): Picture size.
        options (dict): FFmpeg options.

    Returns:
        av.CodecContext | None: It is the caller's; None if none waits.
    """
    return _pool.take(_key(codec, extradata, width, height, options))


def give_decoder(context, codec, extradata, width, height, options):
    """Let a decoder wait for the next clip.

    Args:
        context (av.CodecContext): Flushed, and fed only unharmed pictures
            without headers of their own. The giver forgets it.
        codec, extradata, width, height, options: As for `take_decoder`.
    """
    if width * height <= _LARGEST:
        _pool.give(_key(codec, extradata, width, height, options), context)


def forget_decoders():
    """Drop all decoders that wait."""
    global _pool
    _pool = _Pool()


def _key(codec, extradata, width, height, options):
    return codec, extradata, width, height, tuple(options.items())


if hasattr(os, 'register_at_fork'):
    # The lock may be held by a thread that the child does not have.
    os.register_at_fork(after_in_child=forget_decoders)
