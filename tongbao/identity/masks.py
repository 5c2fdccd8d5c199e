"""Account numbers as people may see them who are not their owners: enough to know them again, too little to use.

What of a name and a telephone number is shown is said in the vault, which masks them: `vault.masked`.
"""

from __future__ import annotations

from typing import Final

_ENDS: Final = 4


def masked_number(number: str) -> str:
    """The first and the last four digits: 9000****4716."""
    return f"{number[:_ENDS]}****{number[-_ENDS:]}"
