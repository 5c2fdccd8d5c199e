"""Tongbao: a payment and credit core that a bank can run itself."""

from __future__ import annotations

__version__ = "0.1.0"
