# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""The version of mmfer; read by setup.py without importing the package."""
__version__ = '0.1.0'
