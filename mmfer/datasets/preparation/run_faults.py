# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What ends a run, because it is no fault of the clip that met it."""


class PreparationError(RuntimeError):
    """Something that concerns the whole run; one line for the user."""
