"""The HTTP kit: what a request must be, who is asking, how a refusal is answered. Knows no slice."""

from __future__ import annotations
