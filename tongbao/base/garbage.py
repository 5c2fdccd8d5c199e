"""How often Python looks for garbage in cycles, in processes that serve for long."""

from __future__ import annotations

import gc
from typing import Final

_RARELY: Final = (50_000, 20, 50)


def rarely() -> None:
    """What there is now lives as long as the process, and is not looked at again; what comes is looked at rarely. Looking took a tenth
    of each payment, and half of what it takes to read what is known of its parties."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_RARELY)
