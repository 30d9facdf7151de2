# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What the quick start tells its user when it cannot go on."""


class QuickstartError(RuntimeError):
    """A step failed; the message says why, and where its log is."""
