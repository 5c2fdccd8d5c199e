"""A post office on a database of its own, and a gateway that the stories of one file share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.notices.post import Post, opened
from tests.sandbox.sms import SmsGateway, running


@pytest.fixture
async def post(fresh_database: str) -> AsyncIterator[Post]:
    async with opened(fresh_database) as post:
        yield post


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmsGateway]:
    with running(tmp_path_factory.mktemp("sms"), "--late-s", "1") as gateway:
        yield gateway
