"""Each wrong setting is named, all of them at once, before anything starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tongbao.base.clock import ManualClock, StartingClock, SystemClock
from tongbao.base.settings import SettingsError, load

PRODUCTION = {
    "TONGBAO_ENV": "production",
    "TONGBAO_DATABASE_URL": "postgresql://bank@db/tongbao",
    "TONGBAO_KEYRING": "/etc/tongbao/keyring",
}


def test_nothing_set_is_a_bank_for_development() -> None:
    settings = load({"PATH": "/bin"})
    assert (settings.env, settings.currency, settings.timezone) == ("development", "CNY", "Asia/Shanghai")
    assert isinstance(settings.make_clock(), SystemClock)


def test_settings_are_read_from_the_environment() -> None:
    settings = load({"TONGBAO_PORT": "9000", "TONGBAO_WEBHOOK_PRIVATE": "true", "TONGBAO_TIMEZONE": "Europe/Prague"})
    assert (settings.port, settings.webhook_private, settings.zone.key) == (9000, True, "Europe/Prague")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENV", "prod"),
        ("BANK_CODE", "1234"),
        ("BANK_CODE", "12a45"),
        ("CURRENCY", "RMB"),
        ("TIMEZONE", "Mars/Olympus"),
        ("TIMEZONE", "../etc/passwd"),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("PROCESSES", "0"),
        ("POOL_SIZE", "2"),
        ("BATCH_LARGEST", "5000"),
        ("BATCH_IN_FLIGHT", "-1"),
        ("BATCH_ROOM", "0"),
        ("BODY_LARGEST", "1.5"),
        ("DAY_EVERY_S", "-1"),
        ("DAY_EVERY_S", "ten minutes"),
        ("STUCK_AFTER_S", "59"),
        ("HELD_MINUTES", "0"),
        ("HELD_MINUTES", "4321"),
        ("RATE_LIMITS", "sometimes"),
        ("RATE_KEY", "-1"),
        ("RATE_TRIES", "a few"),
        ("RATE_BURST_S", "0"),
        ("PROXIES", "proxy.example"),
        ("PROXIES", "10.0.0.1/8"),
        ("RAILS", "sandbox"),
        ("RAILS", "Sandbox=http://127.0.0.1:8090"),
        ("RAILS", "sandbox=ftp://127.0.0.1:8090"),
        ("RAILS", "sandbox=http://me:secret@127.0.0.1:8090"),
        ("RAILS", "sandbox=http://127.0.0.1:port"),
        ("RAILS", "one=https://a.example,one=https://b.example"),
        ("IDENTITY_PROVIDER", "provider.example"),
        ("IDENTITY_PROVIDER", "http://me:secret@127.0.0.1:8092"),
        ("SMS", "gateway.example"),
        ("SMS", "http://me:secret@127.0.0.1:8092"),
        ("SMS", "https://gateway.example/?key=1"),
        ("CLOCK", "tomorrow"),
        ("CLOCK", "2026-08-24T00:00:00"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("COLOUR", "red"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"TONGBAO_{name}"):
        load({f"TONGBAO_{name}": value})


def test_rates_are_bounded_in_production_and_elsewhere_when_asked() -> None:
    assert load(PRODUCTION).limits_rates
    assert not load({**PRODUCTION, "TONGBAO_RATE_LIMITS": "never"}).limits_rates
    assert not load({}).limits_rates
    assert load({"TONGBAO_RATE_LIMITS": "always", "TONGBAO_RATE_KEY": "0"}).limits_rates


def test_rails_are_named_and_in_production_reached_in_secret() -> None:
    settings = load({"TONGBAO_RAILS": "sandbox=http://10.0.0.7:8090/, cips=https://rail.example/v2"})
    assert settings.rail_urls == {"sandbox": "http://10.0.0.7:8090", "cips": "https://rail.example/v2"}
    load({**PRODUCTION, "TONGBAO_RAILS": "here=http://127.0.0.1:8090,six=http://[::1]:8090,far=https://rail.example"})
    load({**PRODUCTION, "TONGBAO_SMS": "https://sms.example/v1"})
    for away in ("http://10.0.0.7:8090", "http://127.0.0.1.example:8090", "http://rail.example"):
        with pytest.raises(SettingsError, match="TONGBAO_RAILS"):
            load({**PRODUCTION, "TONGBAO_RAILS": f"sandbox={away}"})
        with pytest.raises(SettingsError, match="TONGBAO_SMS"):
            load({**PRODUCTION, "TONGBAO_SMS": away})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        load({"TONGBAO_PORT": "x", "TONGBAO_ENV": "y", "TONGBAO_POTR": "1"})
    assert all(name in str(wrong.value) for name in ("TONGBAO_PORT", "TONGBAO_ENV", "TONGBAO_POTR"))


def test_production_takes_no_borrowed_time_and_no_embedded_database() -> None:
    load(PRODUCTION)
    for name, value in [
        ("CLOCK", "2026-08-24T00:00:00+08:00"),
        ("WEBHOOK_PRIVATE", "true"),
        ("DAY_EVERY_S", "600"),
        ("DEMO_FILE", "/tmp/demo.json"),
        ("DATABASE_URL", ""),
    ]:
        with pytest.raises(SettingsError, match=f"TONGBAO_{name}"):
            load({**PRODUCTION, f"TONGBAO_{name}": value})


def test_a_clock_that_starts_elsewhere_runs_on_from_there() -> None:
    clock = load({"TONGBAO_CLOCK": "2026-08-24T00:00:00+08:00"}).make_clock()
    assert isinstance(clock, StartingClock)
    assert timedelta(0) <= clock.now() - datetime(2026, 8, 23, 16, tzinfo=UTC) < timedelta(minutes=1)


def test_no_clock_runs_backwards() -> None:
    system = SystemClock()
    assert system.now() <= system.now()
    manual = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert manual.tick(timedelta(days=1)) == datetime(2026, 1, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="backwards"):
        manual.tick(timedelta(seconds=-1))
