# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""What a check of data found: one record per kind of fault, text and JSON."""
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, List, Tuple

#: Worst first.
SEVERITIES = ('error', 'warning', 'info')


@dataclass(frozen=True)
class Finding:
    """One thing that a check found, with what to do about it.

    Args:
        severity (str): 'error' (numbers made with these data would be wrong),
            'warning' (probably not what was meant) or 'info'.
        code (str): Short fixed name of the fault, e.g. 'subject-leak'.
        message (str): What is wrong, in one line.
        advice (str): What to do about it, in one line. Defaults to ''.
        items (Iterable[str]): The clips, files or persons concerned, all of
            them. Defaults to none.

    Raises:
        ValueError: The severity is unknown.
    """

    severity: str
    code: str
    message: str
    advice: str = ''
    items: Tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f'severity {self.severity!r} is none of '
                             f'{", ".join(SEVERITIES)}')
        object.__setattr__(self, 'items',
                           tuple(str(item) for item in self.items))

    def to_dict(self) -> Dict[str, Any]:
        """Give plain types, as JSON stores them.

        Returns:
            dict: The five fields; ``items`` is a list.
        """
        return dict(asdict(self), items=list(self.items))

    def to_text(self, limit: int = 5) -> str:
        """Write the finding for a person.

        Args:
            limit (int): Items to name. Defaults to 5.

        Returns:
            str: One line for the fault, one for the items if there are any,
            one for the advice if there is one.
        """
        lines = [f'{self.severity}: {self.message} [{self.code}]']
        if self.items:
            more = len(self.items) - limit
            rest = f', ... ({more} more)' if more > 0 else ''
            lines.append('    ' + ', '.join(self.items[:limit]) + rest)
        if self.advice:
            lines.append(f'    -> {self.advice}')
        return '\n'.join(lines)


def worst_first(findings: Iterable[Finding]) -> List[Finding]:
    """Sort findings by severity, otherwise as they came.

    Args:
        findings (Iterable[Finding]): Findings.

    Returns:
        list[Finding]: Errors, then warnings, then information.
    """
    return sorted(findings, key=lambda f: SEVERITIES.index(f.severity))


def count_severities(findings: Iterable[Finding]) -> Dict[str, int]:
    """Count findings by severity.

    Args:
        findings (Iterable[Finding]): Findings.

    Returns:
        dict[str, int]: All three severities, those without findings as 0.
    """
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return counts
