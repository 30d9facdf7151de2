# Copyright (c) mmfer contributors. SPDX-License-Identifier: Apache-2.0
"""Names of files as text: a name is bytes, and these need not be UTF-8."""


def readable(name: str) -> str:
    r"""Make a name something that can be written and drawn.

    Args:
        name (str): As Python gives it; of bytes that are no text it has lone
            surrogates, which no encoding takes.

    Returns:
        str: The same, with escapes in their place. In JSON they give the name
        back.

    Example:
        >>> print(readable(b'caf\xe9.mp4'.decode(errors='surrogateescape')))
        caf\udce9.mp4
    """
    return name.encode('utf-8', 'backslashreplace').decode('utf-8')
