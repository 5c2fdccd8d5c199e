"""The bank over TLS of its own: nobody on the way reads or asks, and a key may be bound to a client's certificate."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography import x509

from tests.http.conftest import ServedBank, clone, code, founded, served
from tongbao.base.clock import SystemClock
from tongbao.base.embedded import Cluster
from tongbao.cli import local_ca
from tongbao.identity import certificate_fingerprint


class House:
    """A bank that serves TLS with certificates of `tongbao key local-ca`."""

    def __init__(self, bank: ServedBank, folder: Path) -> None:
        self.bank = bank
        self.folder = folder

    def client(self, name: str | None = None, folder: Path | None = None) -> httpx.AsyncClient:
        """Somebody who trusts the bank's authority and shows a client certificate, where he has one."""
        trusting = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if name is not None:
            shown = folder or self.folder
            trusting.load_cert_chain(shown / f"{name}.pem", shown / f"{name}.key")
        headers = {"Authorization": f"Bearer {self.bank.tokens['bank']}"}
        return httpx.AsyncClient(base_url=self.bank.url, verify=trusting, trust_env=False, headers=headers, timeout=30)


@pytest.fixture(scope="module")
async def house(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("wire")
    at = SystemClock().now()
    ca, certificate, key = local_ca.make(folder, ["bank.test"], at)
    for name in ("shop", "other"):
        local_ca.make_client(folder, name, at)
    trusting = ssl.create_default_context(cafile=ca)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(ca))
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database, *options, trusting=trusting) as (_, port):
            bank = ServedBank(f"https://localhost:{port}", database, port)
            bank.tokens["bank"] = token
            bank.http = httpx.AsyncClient(base_url=bank.url, verify=trusting, trust_env=False, timeout=30)
            async with bank.http:
                yield House(bank, folder)


async def test_it_serves_over_tls_and_says_so_for_a_year(house: House) -> None:
    async with house.client() as http:
        answer = await http.get("/v1/business-day")
        page = await http.get("/me/login", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert page.headers["strict-transport-security"] == "max-age=31536000"


def test_in_the_clear_nobody_is_answered(house: House) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{house.bank.port}/healthz", trust_env=False)


def test_who_does_not_know_the_authority_does_not_trust_the_bank(house: House) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://localhost:{house.bank.port}/healthz", trust_env=False, verify=ssl.create_default_context())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(
    ("ciphers", "newest"),
    [
        ("AES128-SHA:AES256-SHA:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2),  # keys that open yesterday's traffic, and CBC
        ("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2),  # CBC
        ("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1),
        ("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1),
    ],
)
async def test_old_ciphers_and_old_versions_are_refused(house: House, ciphers: str, newest: ssl.TLSVersion) -> None:
    def context(offered: str, newest: ssl.TLSVersion) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=house.folder / "ca.pem")
        made.set_ciphers(offered)
        made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, newest
        return made

    good = context("ECDHE-ECDSA-AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2)
    _, writer = await asyncio.open_connection("localhost", house.bank.port, ssl=good)
    writer.close()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("localhost", house.bank.port, ssl=context(ciphers, newest))


async def test_who_listens_reads_nothing(house: House) -> None:
    reference = f"secret-{uuid4()}"
    async with _listened_to(house.bank.port) as (port, heard):
        verify = ssl.create_default_context(cafile=house.folder / "ca.pem")
        async with httpx.AsyncClient(base_url=f"https://localhost:{port}", verify=verify, trust_env=False) as http:
            body = {"kind": "person", "name": reference}
            headers = {"Authorization": f"Bearer {house.bank.tokens['bank']}", "Idempotency-Key": str(uuid4())}
            answer = await http.post("/v1/customers", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert len(heard) > 1_000, "both directions were heard"
    for word in (reference, house.bank.tokens["bank"], answer.json()["id"], "customers", "Bearer"):
        assert word.encode() not in bytes(heard), word


@asynccontextmanager
async def _listened_to(port: int) -> AsyncIterator[tuple[int, bytearray]]:
    """Somebody in between who hands everything on and keeps a copy."""
    heard = bytearray()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                heard.extend(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(hand_on(reader, back), hand_on(there, writer))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def test_a_bound_key_works_over_its_own_certificate_alone(house: House, tmp_path: Path) -> None:
    made = await house.bank.make("/v1/keys", {"kind": "bank"})
    where = f"/v1/keys/{made['id']}/rules"
    bad = await house.bank.ask("PUT", where, {"certificate": "no certificate"})
    assert code(bad) == (422, "certificate_malformed")
    pem = (house.folder / "shop.pem").read_text()
    told = await house.bank.ask("PUT", where, {"certificate": pem})
    assert told.json() == {"signature": False, "certificate": certificate_fingerprint(pem).hex()}
    bound = {"Authorization": f"Bearer {made['key']}"}
    async with house.client() as nobody, house.client("other") as other, house.client("shop") as shop:
        assert code(await nobody.get("/v1/business-day", headers=bound)) == (401, "certificate_needed")
        assert code(await other.get("/v1/business-day", headers=bound)) == (401, "certificate_needed")
        answers = [await shop.get("/v1/business-day", headers=bound) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert (await nobody.get("/v1/business-day")).status_code == 200, "a key that is not bound needs none"
        paid = await shop.post("/v1/payments", json={}, headers={**bound, "Idempotency-Key": str(uuid4())})
        assert code(paid)[1] == "missing_field", "the hot route lets it in"
        paid = await other.post("/v1/payments", json={}, headers={**bound, "Idempotency-Key": str(uuid4())})
        assert code(paid) == (401, "certificate_needed")
    stranger = tmp_path / "stranger"
    local_ca.make(stranger, [], SystemClock().now())
    local_ca.make_client(stranger, "shop", SystemClock().now())
    with pytest.raises(httpx.TransportError):
        async with house.client("shop", stranger) as forger:
            await forger.get("/v1/business-day", headers=bound)


def test_a_fingerprint_is_read_as_people_write_it(house: House) -> None:
    pem = (house.folder / "shop.pem").read_text()
    digest = certificate_fingerprint(pem)
    pairs = ":".join(f"{byte:02X}" for byte in digest)
    for text in (digest.hex(), pairs, f"SHA256={pairs}", f"\n{pem}\n"):
        assert certificate_fingerprint(text) == digest


def test_an_authority_signs_again_and_its_keys_are_its_owners(tmp_path: Path) -> None:
    at = SystemClock().now()
    ca, certificate, key = local_ca.make(tmp_path, [], at)
    before = ca.read_bytes(), certificate.read_bytes()
    local_ca.make(tmp_path, ["bank.test"], at)
    assert ca.read_bytes() == before[0], "who trusts it need not be asked again"
    assert certificate.read_bytes() != before[1]
    for secret in (key, tmp_path / "ca.key"):
        assert secret.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SystemExit, match="no authority"):
        local_ca.make_client(tmp_path / "elsewhere", "shop", at)


def test_commands_make_what_a_server_and_its_partners_need(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tongbao.cli", "key", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    folder = tmp_path / "wire"
    made = run("local-ca", str(folder), "--name", "bank.test", "--name", "10.1.2.3")
    assert made.returncode == 0, made.stderr
    assert f"--tls-certificate {folder / 'server.pem'}" in made.stdout
    names = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes()).extensions
    shown = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"bank.test", "localhost"} <= set(shown.get_values_for_type(x509.DNSName))
    assert {"10.1.2.3", "127.0.0.1"} <= {str(one) for one in shown.get_values_for_type(x509.IPAddress)}
    client = run("client-certificate", str(folder), "shop-7")
    assert client.stdout.strip() == certificate_fingerprint((folder / "shop-7.pem").read_text()).hex()
    for name in ("ca", "server", "../shop", "店"):
        assert run("client-certificate", str(folder), name).returncode == 1, name
