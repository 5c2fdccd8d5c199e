"""Off this machine the card network is spoken to over TLS alone, and only where an authority of the bank's choice vouches for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from tongbao.base.clock import SystemClock
from tongbao.base.settings import SettingsError, load
from tongbao.cli import local_ca
from tongbao.payments.card_network import CardNetwork
from tongbao.payments.model import RailSaid
from tongbao.vault import PlainCard

CARD = PlainCard("9156000000000003", date(2028, 11, 30))


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A network whose certificate an authority of its own has signed, for localhost and 127.0.0.1; what reaches it in the clear of TLS."""
    _, certificate, key = local_ca.make(folder, ["cards.test"], SystemClock().now())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    heard: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(2048))
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], heard


def network(port: int, authorities: Path | None = None, *, scheme: str = "tls", host: str = "localhost") -> CardNetwork:
    trusted = str(authorities / "ca.pem") if authorities else ""
    return CardNetwork(f"{scheme}://{host}:{port}", SystemClock().now, authorities=trusted, within_s=5)


async def test_who_is_vouched_for_is_asked(tmp_path: Path) -> None:
    async with listening(tmp_path) as (port, heard):
        said = await network(port, tmp_path).purchase(uuid4(), CARD, 100, "CNY")
        assert said.said is RailSaid.SILENT, "it took the question, and hung up"
        assert b"0200" in heard[0]
        assert CARD.number.encode() in heard[0]


async def test_who_is_not_vouched_for_is_told_nothing(tmp_path: Path) -> None:
    local_ca.make(tmp_path / "other", ["cards.test"], SystemClock().now())
    async with listening(tmp_path / "own") as (port, heard):
        for trusting in (network(port, tmp_path / "other"), network(port)):
            said = await trusting.purchase(uuid4(), CARD, 100, "CNY")
            assert said.said is RailSaid.NOT_SENT
            assert "CERTIFICATE_VERIFY_FAILED" in (said.reason or "")
        elsewhere = await network(port, tmp_path / "own", host="127.0.0.2").purchase(uuid4(), CARD, 100, "CNY")
        assert elsewhere.said is RailSaid.NOT_SENT, "another name than the one that is vouched for"
        assert heard == []


@pytest.mark.parametrize("url", ["tcp://cards.example:9100", "tcp://10.0.0.7:9100"])
def test_off_loopback_production_speaks_no_plain_tcp(url: str) -> None:
    with pytest.raises(SettingsError, match="TONGBAO_CARD_NETWORK is tcp"):
        load({"TONGBAO_ENV": "production", "TONGBAO_CARD_NETWORK": url})


def test_authorities_are_for_a_network_over_tls() -> None:
    with pytest.raises(SettingsError, match="TONGBAO_CARD_NETWORK_CA"):
        load({"TONGBAO_CARD_NETWORK": "tcp://127.0.0.1:9100", "TONGBAO_CARD_NETWORK_CA": "/etc/cards/ca.pem"})
    assert load({"TONGBAO_CARD_NETWORK": "tls://cards.example:9100", "TONGBAO_CARD_NETWORK_CA": "/etc/cards/ca.pem"})
