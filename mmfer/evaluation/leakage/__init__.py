# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""How much the codes of clips tell of the persons in them."""
from .controls import control_features
from .data import LeakageData
from .distance_correlation import DependenceResult, distance_correlation_test
from .expression import ExpressionResult, effective_rank, measure_expression
from .folds import make_folds
from .inversion import FaceDecoder, InversionResult, invert
from .mutual_information import InformationResult, estimate_information
from .probes import ProbeResult, probe_identity
from .reidentification import (ReidentificationResult, average_precision,
                               reidentify)
from .report import (LeakageReport, format_reports, leakage_report,
                     require_libraries)
from .similarity import cosine_similarities, project
from .verification import (VerificationResult, equal_error_rate,
                           operating_curve, true_accepts_at, verify)

__all__ = [
    'DependenceResult', 'ExpressionResult', 'FaceDecoder', 'InformationResult',
    'InversionResult', 'LeakageData', 'LeakageReport', 'ProbeResult',
    'ReidentificationResult', 'VerificationResult', 'average_precision',
    'control_features', 'cosine_similarities', 'distance_correlation_test',
    'effective_rank', 'equal_error_rate', 'estimate_information',
    'format_reports', 'invert', 'leakage_report', 'make_folds',
    'measure_expression', 'operating_curve', 'probe_identity', 'project',
    'reidentify', 'require_libraries', 'true_accepts_at', 'verify'
]
