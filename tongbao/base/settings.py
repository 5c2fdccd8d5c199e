"""Settings come from `TONGBAO_*`, are read once and are checked before anything starts."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tongbao.base.clock import Clock, StartingClock, SystemClock
from tongbao.base.money import is_currency

PREFIX = "TONGBAO_"


class SettingsError(Exception):
    """Every setting that is wrong, each with its name and what would be right."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field a setting; the comment of each is its documentation (`docs/operating/settings.md` is made from this)."""

    env: Literal["development", "demo", "production"] = "development"
    database_url: str = ""
    """Any PostgreSQL 16 or later. Empty: the embedded one."""
    clock: str = ""
    """A moment at which the clock starts (ISO 8601 with offset). For tests and demos; refused in production."""
    bank_code: str = "90001"
    """Five digits in front of every account number: how another bank finds this one."""
    bank_name: str = ""
    """How the bank signs statements and receipts. Empty: 通宝银行, in English Tongbao Bank."""
    currency: str = "CNY"
    timezone: str = "Asia/Shanghai"
    """The one zone of business days, months of limits, cut-offs and statements."""
    pdf_font: str = ""
    """A font file with Chinese, for PDF. Empty: Noto Sans CJK or another one that the machine has (Debian: fonts-noto-cjk)."""
    keyring: str = ""
    """File with the root keys of the vault, made by `tongbao vault init`. Needed in production; empty: the vault stays shut."""
    pkcs11: str = ""
    """Root keys in a security module instead, by a PKCS #11 URI (RFC 7512) with `token`, `object`, `module-path`, `pin-source`."""
    host: str = "127.0.0.1"
    tls_certificate: str = ""
    """PEM file with the server's certificate and what it was signed by: the bank serves HTTPS. Empty: plain HTTP, on loopback."""
    tls_key: str = ""
    """PEM file with the certificate's private key."""
    tls_client_ca: str = ""
    """PEM file with the authorities whose client certificates are believed: a key may then be bound to one (mutual TLS)."""
    proxies: str = ""
    """Addresses or networks of the proxies in front, separated by commas: who asks is then what they say in `X-Forwarded-For`. Empty:
    nobody is believed."""
    port: int = 8080
    processes: int = 1
    pool_size: int = 6
    """Connections a process may hold."""
    batch_largest: int = 200
    batch_in_flight: int = 2
    batch_room: int = 4000
    """Payments that may wait for a batch in one process; beyond it the door answers 429."""
    body_largest: int = 1 << 20
    """Bytes a request body may have. A batch of payments may have 8 MiB and a payroll file 2 MiB, whatever this says."""
    rate_limits: Literal["production", "always", "never"] = "production"
    """Where the bounds below hold. Each is requests a minute in each process, 0 for none; beyond it the door answers 429 with
    `Retry-After`."""
    rate_key: int = 60_000
    """Of one API key, wherever it is used."""
    rate_address: int = 3_000
    """Of one address (IPv6: its first 64 bits) without a key that is known. This machine's own is not counted."""
    rate_account: int = 600
    """Of one person who is logged in, all his devices together."""
    rate_device: int = 300
    """Of one session, which is a browser or an app."""
    rate_tries: int = 20
    """Tries of one address to log in, to register or to regain access, whomever they concern. One that succeeds is not counted."""
    rate_codes: int = 5
    """Codes by SMS that one address asks for before anybody is logged in."""
    rate_burst_s: int = 60
    """Seconds whose share of each of these may come at once after a quiet while."""
    confirm_above_minor: int = 0
    """A payment above this waits for a confirmation by its payer; 0: never."""
    risk: Literal["on", "off"] = "on"
    """Whether payments are assessed by `risk`. Off: nothing is remembered of them, and the policy of authorisation alone judges."""
    hold_days: int = 7
    """How long an authorisation holds money unless the order says less."""
    held_minutes: int = 120
    """How long a payment that risk holds waits for a person of the bank. What nobody decides by then is not made: its payer has the
    money back and is told."""
    day_every_s: int = 0
    """The open business day is closed this many seconds after it opened, whatever the calendar says; 0: it follows the
    calendar. For tests and demos; refused in production."""
    rails: str = ""
    """Other banks that money comes in from: name=URL, separated by commas. Plain HTTP off loopback is refused in production."""
    sms: str = ""
    """URL of the gateway that sends SMS. Empty: messages wait. Plain HTTP off loopback is refused in production."""
    push_key: str = ""
    """PEM file with the private key, on the curve P-256, by which push services know the bank (VAPID). Empty: nothing is pushed to
    browsers."""
    identity_provider: str = ""
    """URL of the provider that checks names and identity numbers. Empty: customers wait to be verified. Plain HTTP off loopback
    is refused in production."""
    card_network: str = ""
    """URL of the network over which cards of other banks are charged: tcp://host:port, or tls://host:port, which alone production
    takes off loopback. Empty: no cards."""
    card_network_ca: str = ""
    """PEM file of the authorities that may vouch for the card network, and no others. Empty: those that this machine trusts."""
    staff_app: Literal["production", "always", "never"] = "production"
    """Where staff need an authenticator app besides the password, or a passkey: whoever has neither may do no more than set one up.
    `never` is refused in production."""
    device_cool_off_h: int = 24
    """Hours for which a browser in which a customer has just come in is not trusted with payments. 0: from the start."""
    keep_people_years: int = 10
    """How long the bank keeps what it knows of somebody as a person after he has left: China's law against money laundering of 2024
    asks for ten years at least (article 34)."""
    recovery_wait_h: int = 24
    """Hours that whoever has lost his password waits before he sets a new one, so that an owner who did not ask can stop it."""
    recovery_caution_days: int = 7
    """Days for which he then pays no more than a customer of level 1. 0: none."""
    rp_id: str = "localhost"
    """The domain that passkeys are made for: that of the bank's pages, or one above it. A passkey of another one is refused."""
    origins: str = ""
    """From where pages may use passkeys, separated by commas, such as https://bank.example. Empty: https://TONGBAO_RP_ID; for
    localhost any port, by HTTP too."""
    stuck_after_s: int = 600
    """How long a top-up over a rail may take before it counts as stuck; one that never reached the rail is then declined."""
    webhook_private: bool = False
    """Whether webhooks may go to loopback and private addresses. For tests and demos; refused in production."""
    visit_ends_s: int = 1800
    """After so many seconds without a step a customer's visit of the app is over: it is counted, and its steps are forgotten."""
    demo_file: str = ""
    """Where `tongbao demo` writes down who plays which part. Read in the environment `demo` alone; refused in production."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    trace_endpoint: str = ""
    """OTLP over HTTP, for instance http://127.0.0.1:4318/v1/traces. Empty: no traces."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def needs_staff_app(self) -> bool:
        return self.staff_app == "always" or self.staff_app == self.env

    @property
    def limits_rates(self) -> bool:
        return self.rate_limits == "always" or self.rate_limits == self.env

    @property
    def rail_urls(self) -> dict[str, str]:
        """Where each rail is, by its name."""
        named = (one.partition("=") for one in self.rails.split(",") if one.strip())
        return {name.strip(): url.strip().rstrip("/") for name, _, url in named}

    @property
    def origin_list(self) -> tuple[str, ...]:
        return tuple(one.strip().rstrip("/") for one in self.origins.split(",") if one.strip())

    def make_clock(self) -> Clock:
        return StartingClock(datetime.fromisoformat(self.clock)) if self.clock else SystemClock()


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads `TONGBAO_*`; raises SettingsError that lists everything wrong at once."""
    source = os.environ if environ is None else environ
    known = set(Settings.__struct_fields__)
    raw = {k[len(PREFIX) :].lower(): v for k, v in source.items() if k.startswith(PREFIX)}
    wrong = [
        f"{PREFIX}{name.upper()} is not a setting" for name in raw if name not in known and name not in _NOT_SETTINGS
    ]
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name not in raw:
            continue
        try:
            values[field.name] = msgspec.convert(raw[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            wrong.append(f"{PREFIX}{field.name.upper()}={raw[field.name]!r}: {error}")
    if not wrong:
        settings = Settings(**values)  # pyright: ignore[reportArgumentType]
        wrong = _check(settings)
        if not wrong:
            return settings
    raise SettingsError("\n".join(wrong))


_NOT_SETTINGS = {"data_dir", "home", "key", "url"}
"""Read by tests and clients, not by the bank."""


def _check_tls(s: Settings) -> list[str]:
    wrong: list[str] = []
    if bool(s.tls_certificate) != bool(s.tls_key):
        wrong.append(f"{PREFIX}TLS_KEY and {PREFIX}TLS_CERTIFICATE go together")
    if s.tls_client_ca and not s.tls_certificate:
        wrong.append(f"{PREFIX}TLS_CLIENT_CA needs {PREFIX}TLS_CERTIFICATE")
    return wrong


def _check_rates(s: Settings, need: Callable[[bool, str, str], None]) -> None:
    for name in ("rate_key", "rate_address", "rate_account", "rate_device", "rate_tries", "rate_codes"):
        need(getattr(s, name) >= 0, name.upper(), "is 0 or a number above it")
    need(s.rate_burst_s > 0, "RATE_BURST_S", "is at least 1")
    need(_are_networks(s.proxies), "PROXIES", "are addresses or networks such as 10.0.0.0/24, separated by commas")


def _check_outside(s: Settings, need: Callable[[bool, str, str], None]) -> None:
    need(len(s.rail_urls) == sum(bool(one.strip()) for one in s.rails.split(",")), "RAILS", "names a rail twice")
    for name, url in s.rail_urls.items():
        need(_is_rail(name, url, plain=s.env != "production"), "RAILS", f"is name=URL, over https off loopback: {name}")
    need("cards" not in s.rail_urls, "RAILS", "names no rail cards: that is TONGBAO_CARD_NETWORK")
    need(
        not s.card_network or _is_network(s.card_network, plain=s.env != "production"),
        "CARD_NETWORK",
        "is tcp://host:port or tls://host:port, over tls off loopback",
    )
    need(
        not s.card_network_ca or s.card_network.startswith("tls://"),
        "CARD_NETWORK_CA",
        "is for a card network over tls, TONGBAO_CARD_NETWORK=tls://host:port",
    )
    need(
        not s.identity_provider or _is_outside(s.identity_provider, plain=s.env != "production"),
        "IDENTITY_PROVIDER",
        "is a URL, over https off loopback",
    )
    need(not s.sms or _is_outside(s.sms, plain=s.env != "production"), "SMS", "is a URL, over https off loopback")


def _check_production(s: Settings, need: Callable[[bool, str, str], None]) -> None:
    need(bool(s.database_url), "DATABASE_URL", "is needed in production")
    need(bool(s.keyring or s.pkcs11), "KEYRING", "is needed in production: a file made by `tongbao vault init`")
    need(not s.clock, "CLOCK", "is refused in production")
    need(not s.webhook_private, "WEBHOOK_PRIVATE", "is refused in production")
    need(not s.day_every_s, "DAY_EVERY_S", "is refused in production")
    need(not s.demo_file, "DEMO_FILE", "is refused in production")
    need(s.staff_app != "never", "STAFF_APP", "is not `never` in production")


def _check(s: Settings) -> list[str]:
    wrong = _check_tls(s)

    def need(ok: bool, name: str, what: str) -> None:
        if not ok:
            wrong.append(f"{PREFIX}{name} {what}")

    need(len(s.bank_code) == 5 and s.bank_code.isdigit(), "BANK_CODE", "is five digits")
    need(is_currency(s.currency), "CURRENCY", "is an ISO 4217 code")
    need(0 <= s.port < 65536, "PORT", "lies between 0 and 65535")
    for name in ("processes", "pool_size", "batch_largest", "batch_in_flight", "batch_room", "body_largest"):
        need(getattr(s, name) > 0, name.upper(), "is at least 1")
    need(s.pool_size > s.batch_in_flight, "POOL_SIZE", "is larger than TONGBAO_BATCH_IN_FLIGHT")
    need(s.batch_largest <= 1000, "BATCH_LARGEST", "is at most 1000")
    for name in ("day_every_s", "device_cool_off_h", "recovery_wait_h", "recovery_caution_days"):
        need(getattr(s, name) >= 0, name.upper(), "is 0 or a number above it")
    _check_rates(s, need)
    need(1 <= s.keep_people_years <= 100, "KEEP_PEOPLE_YEARS", "is a number of years from 1 to 100")
    need(bool(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", s.rp_id)), "RP_ID", "is a domain, such as bank.example")
    for origin in s.origin_list:
        need(
            _is_origin_of(origin, s.rp_id), "ORIGINS", f"is https://TONGBAO_RP_ID or below it, without a path: {origin}"
        )
    need(s.stuck_after_s >= 60, "STUCK_AFTER_S", "is at least 60")
    need(1 <= s.held_minutes <= 4320, "HELD_MINUTES", "lies between 1 and 4320, which is three days")
    need(1 <= s.visit_ends_s <= 7200, "VISIT_ENDS_S", "lies between 1 and 7200")
    _check_outside(s, need)
    try:
        ZoneInfo(s.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        need(False, "TIMEZONE", "is a name of the IANA time-zone database")
    if s.clock:
        try:
            need(datetime.fromisoformat(s.clock).tzinfo is not None, "CLOCK", "needs an offset, such as +08:00")
        except ValueError:
            need(False, "CLOCK", "is a moment such as 2026-08-24T09:00:00+08:00")
    if s.env == "production":
        _check_production(s, need)
    return wrong


def _are_networks(said: str) -> bool:
    try:
        return all(ipaddress.ip_network(one.strip()) for one in said.split(",") if one.strip())
    except ValueError:
        return False


def _is_rail(name: str, url: str, *, plain: bool) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name)) and _is_outside(url, plain=plain)


def _is_outside(url: str, *, plain: bool) -> bool:
    """Whether a URL may name a service outside of the bank; `plain`: also by HTTP off loopback."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and (plain or is_loopback(host)))


def _is_origin_of(origin: str, domain: str) -> bool:
    """Whether a page of this origin may use passkeys of a domain: by HTTPS, on this machine by HTTP too."""
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return False
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return False
    return host == domain or host.endswith(f".{domain}")


def _is_network(url: str, *, plain: bool) -> bool:
    """Whether a URL may name a network that speaks over TCP; `plain`: also without TLS off loopback."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or not port or parts.username is not None or parts.path or parts.query or parts.fragment:
        return False
    return parts.scheme == "tls" or (parts.scheme == "tcp" and (plain or is_loopback(host)))


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
