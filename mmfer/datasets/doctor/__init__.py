# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""A health check of a data set: what is wrong, and what to do about it."""
from .clip_facts import ClipExaminer, ClipFacts
from .examination import Examination, examine

__all__ = ['ClipExaminer', 'ClipFacts', 'Examination', 'examine']
