"""A software token (SoftHSM 2), which does all that a security module does but keep its keys in hardware."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

PIN: Final = "4711-0815"
_LIBRARIES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


def prepare(folder: Path) -> None:
    """Tokens of this process lie in `folder`, from the first use of the library on."""
    folder.joinpath("tokens").mkdir()
    conf = folder / "softhsm2.conf"
    conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(conf)


def new_token(folder: Path) -> str:
    """A fresh token; the URI that names it."""
    tool = shutil.which("softhsm2-util")
    library = next((path for path in _LIBRARIES if Path(path).exists()), None)
    if tool is None or library is None:
        if os.environ.get("CI"):
            pytest.fail("SoftHSM 2 is missing where nothing may skip")
        pytest.skip("no SoftHSM 2 on this machine")
    name = uuid4().hex[:16]
    pin = folder / f"pin-{name}"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    made = [tool, "--init-token", "--free", "--label", name, "--pin", PIN, "--so-pin", PIN]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    return f"pkcs11:token={name};object=tongbao-root?module-path={library}&pin-source=file:{pin}"
