"""A bank is backed up, goes on, is lost, and is restored: to a moment, or to the last payment that anybody was told of."""

from __future__ import annotations

import asyncio
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import psutil
import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.kill import bank as harness
from tests.kill.bank import Bank
from tongbao import cli
from tongbao.base import archive, backup, programs
from tongbao.base.archive import BackupError, Base
from tongbao.base.embedded import SERVE, Cluster
from tongbao.base.ids import uuid7
from tongbao.cli.prove import proof

SETTINGS = {**SERVE, "fsync": "off", "shared_buffers": "64MB", "wal_sender_timeout": "5s"}
PRICE = 12_80

Payment = dict[str, Any]


class Archived:
    """A bank whose WAL is received: `pay`, `back_up`, `restored`; what it makes lies below one folder."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.folder = Path(tempfile.mkdtemp(prefix="tongbao-backup-"))
        self.folder.chmod(0o755)  # the server's user goes through it
        self.archive = self.folder / "archive"
        self.follower: subprocess.Popen[bytes] | None = None
        self._clusters: list[Cluster] = []

    def command(self, *words: str) -> Result:
        return CliRunner().invoke(cli.app, words, env=self.bank.environment)  # pyright: ignore[reportReturnType]

    def document(self, *words: str, status: int = 0) -> Any:
        done = self.command(*words, "--json")
        assert done.exit_code == status, done.output + repr(done.exception)
        return msgspec.json.decode(done.stdout)

    def refused(self, *words: str) -> str:
        """Why a command would not."""
        done = self.command(*words)
        assert done.exit_code != 0, done.output
        return done.output + str(done.exception)

    def back_up(self, *words: str) -> Any:
        return self.document("backup", str(self.archive), *words)

    def follow(self) -> None:
        """Returns when a new follower receives; one that had the slot before has lost it."""
        before = self._receiver()
        follower = self.follower = self.spawn("backup", str(self.archive), "--follow")

        def receives() -> bool:
            if follower.poll() is not None:
                raise AssertionError(follower.communicate()[1].decode())
            return self._receiver() not in (None, before)

        eventually(receives)

    def _receiver(self) -> int | None:
        """The process that sends to whoever has the slot."""
        found = self.sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", backup.SLOT)
        return found[0][0] if found else None

    def failed(self, *words: str) -> bytes:
        """What a command of its own said when it ended with 1."""
        child = self.spawn(*words)
        _, said = child.communicate(timeout=120)
        assert child.returncode == 1, said
        return said

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tongbao.cli", *words]
        return subprocess.Popen(command, env=self.bank.environment, stderr=subprocess.PIPE)

    def leave(self) -> None:
        """The follower is told to end, and ends well."""
        assert self.follower is not None
        self.follower.send_signal(signal.SIGTERM)
        assert self.follower.wait(30) == 0
        self.follower = None

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return rows(self.bank.url, statement, *values)

    def caught_up(self) -> None:
        """Returns when what has been committed by now is in the archive."""
        ((now,),) = self.sql("SELECT pg_current_wal_flush_lsn()::text")
        eventually(
            lambda: self.sql(
                "SELECT 1 FROM pg_stat_replication WHERE application_name = 'tongbao_backup' AND flush_lsn >= %s::pg_lsn",
                now,
            )
        )

    def restored(self, name: str, *words: str) -> Any:
        target = self.folder / name
        self._clusters.append(Cluster(target))
        return self.document("restore", str(self.archive), str(target), *words)

    def pay(self, times: int, bank: Bank | None = None) -> list[Payment]:
        return [pay(bank or self.bank) for _ in range(times)]

    def close(self) -> None:
        if self.follower is not None:
            self.follower.kill()
            self.follower.wait()
        for cluster in self._clusters:
            cluster.stop("immediate")
        shutil.rmtree(self.folder)


def rows(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as conn:
        cursor = conn.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def eventually(check: Callable[[], Any], within_s: int = 60) -> None:
    for _ in range(within_s * 10):
        if check():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def order(bank: Bank) -> dict[str, Any]:
    payer, merchant = bank.accounts[0], bank.merchants[0]
    return {"payer_account_id": payer, "merchant_id": merchant, "amount": PRICE, "currency": "CNY"}


def pay(bank: Bank, id_: str | None = None) -> Payment:
    """An acknowledged payment."""
    answer = bank.post("/v1/payments", order(bank), id_ or str(uuid7(datetime.now(UTC))))
    assert answer.status_code == 201, answer.text
    return answer.json()


def ids(payments: list[Payment]) -> set[str]:
    return {payment["id"] for payment in payments}


def payments_in(url: str) -> set[str]:
    return {str(id_) for (id_,) in rows(url, "SELECT id FROM payments.payment")}


@contextmanager
def served(bank: Bank, url: str) -> Iterator[Bank]:
    """The restored bank, served beside the one that was backed up."""
    other = Bank()
    other.url, other.key, other.accounts, other.merchants = url, bank.key, bank.accounts, bank.merchants
    try:
        other.start("api")
        yield other
    finally:
        other.close()


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "PEOPLE", 2)
        patch.setattr(harness, "SHOPS", 1)
        bank = Bank()
        bank.cluster = Cluster(bank.directory, SETTINGS)
        try:
            yield bank.open()
        finally:
            bank.close()


@pytest.fixture
def here(bank: Bank) -> Iterator[Archived]:
    here = Archived(bank)
    try:
        yield here
    finally:
        here.close()
        rows(bank.url, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")


def test_backed_up_gone_on_restored_to_a_moment_and_gone_on_again(here: Archived) -> None:
    bank = here.bank
    before = payments_in(bank.url)
    here.follow()
    first = here.pay(3)
    made = here.back_up()
    assert made["followed"]
    second = here.pay(5)
    ((moment,),) = here.sql("SELECT clock_timestamp()")
    third = here.pay(4)
    here.caught_up()

    restored = here.restored("then", "--to", moment.isoformat(), "--full")

    assert restored["base"]["name"] == made["base"]["name"]
    assert restored["proof"]["holds"]
    assert restored["proof"]["rows"] > 0
    reached = datetime.fromisoformat(restored["reached"])
    assert datetime.fromisoformat(made["base"]["ended"]) < reached <= moment
    url = restored["url"]
    assert payments_in(url) == before | ids(first) | ids(second)
    with served(bank, url) as then:
        fresh = pay(then)
        again = pay(then, third[0]["id"])
        assert again["state"] == "completed"
        assert pay(then, third[0]["id"]) == again, "repeated, it is made once"
        assert payments_in(url) == before | ids([*first, *second, fresh, again])
        assert asyncio.run(proof(url))["holds"]
    assert payments_in(bank.url) == before | ids([*first, *second, *third]), "the old bank knows nothing of it"
    here.leave()


def test_what_was_acknowledged_survives_the_machine(here: Archived) -> None:
    """The follower as synchronous standby: no payment is acknowledged that is not in the archive."""
    bank = here.bank
    here.follow()
    here.back_up()
    here.sql("ALTER SYSTEM SET synchronous_standby_names = 'tongbao_backup'")
    here.sql("SELECT pg_reload_conf()")
    eventually(lambda: here.sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
    paid = here.pay(5)
    bank.kill("postgres")
    try:
        restored = here.restored("end", "--stop")
        assert restored["proof"]["holds"]
        assert not restored["running"]
        cluster = Cluster(here.folder / "end")
        assert not cluster.running()
        cluster.start()
        assert ids(paid) <= payments_in(restored["url"])
        assert rows(restored["url"], "SHOW synchronous_standby_names") == [("",)], "it waits for nobody"
    finally:
        bank.start("postgres")
        here.sql("ALTER SYSTEM RESET synchronous_standby_names")
        here.sql("SELECT pg_reload_conf()")
        bank.wait_ready()
    # The follower has waited for the server and goes on.
    here.pay(1)
    here.caught_up()
    here.leave()


@pytest.fixture(scope="module")
def alone(bank: Bank) -> Iterator[tuple[Archived, Base, set[str]]]:
    """A base without WAL beside it, and the payments that it must have."""
    here = Archived(bank)
    try:
        paid = ids(here.pay(1))
        made = here.back_up()
        assert not made["followed"], "and it says so"
        here.pay(1)
        yield here, archive.bases(here.archive)[0], paid
    finally:
        here.close()


def test_a_base_alone_restores(alone: tuple[Archived, Base, set[str]]) -> None:
    here, base, paid = alone
    restored = here.restored("alone")
    assert paid <= payments_in(restored["url"])
    assert datetime.fromisoformat(restored["reached"]) <= base.ended
    now = datetime.now(UTC).isoformat()
    why = here.refused("restore", str(here.archive), str(here.folder / "later"), "--to", now)
    assert "is too late: the last transaction of timeline 1 in the archive is of" in why


def _flip(path: Path, at: int) -> None:
    """One bit is not what it was."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_a_damaged_base_is_refused(alone: tuple[Archived, Base, set[str]]) -> None:
    here, base, _ = alone
    data = archive.data_of(here.archive, base)
    largest = max((data / "base").rglob("[0-9]*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    lacking = data / "global" / "pg_filenode.map"
    bad = here.folder / "bad"
    _flip(largest, 5000)
    lacking.rename(here.folder / "aside")
    try:
        why = here.refused("restore", str(here.archive), str(bad))
    finally:
        _flip(largest, 5000)
        (here.folder / "aside").rename(lacking)
    assert "the base is damaged" in why
    assert f'checksum mismatch for file "{largest.relative_to(data)}"' in why
    assert '"global/pg_filenode.map" is present in the manifest but not on disk' in why
    assert list(bad.iterdir()) == [], "nothing is left that could be taken for a bank"


def test_wal_that_is_damaged_or_missing_is_never_passed_over(here: Archived) -> None:
    here.follow()
    made = here.back_up()["base"]
    for _ in range(3):
        here.pay(1)
        here.sql("SELECT pg_switch_wal()")
    here.pay(1)
    here.caught_up()
    here.leave()
    wal = here.archive / "wal"
    second = archive.segment_name(1, archive.lsn(made["end_lsn"]) // made["segment_bytes"] + 2, made["segment_bytes"])
    (listed,) = here.document("backup", str(here.archive), "--list")["bases"]
    whole, until = (wal / second).read_bytes(), listed["until"]
    assert listed["missing"] == ""

    # Into the middle of what is written there.
    _flip(wal / second, len(whole.rstrip(b"\0")) // 2)
    why = here.refused("restore", str(here.archive), str(here.folder / "damaged"))
    assert "WAL in between is damaged" in why
    assert until[:19].replace("T", " ") in why
    assert not Cluster(here.folder / "damaged").running()

    (wal / second).unlink()
    why = here.refused("restore", str(here.archive), str(here.folder / "gap"))
    assert f"the archive has a gap: {second} is missing" in why
    why = here.refused("restore", str(here.archive), str(here.folder / "gap"), "--to", until)
    assert f"before a gap: {second} is missing" in why
    assert not (here.folder / "gap").exists()
    (listed,) = here.document("backup", str(here.archive), "--list")["bases"]
    assert listed["missing"] == second
    restored = here.restored("before", "--to", listed["until"])
    assert restored["reached"] == listed["until"] < until


def test_moments_and_places_that_cannot_be(alone: tuple[Archived, Base, set[str]]) -> None:
    here, base, _ = alone
    place, target = str(here.archive), here.folder / "target"
    assert "holds no whole base backup" in here.refused("restore", str(here.folder), str(target))
    assert "is too early" in here.refused("restore", place, str(target), "--to", base.started.isoformat())
    assert "needs an offset" in here.refused("restore", place, str(target), "--to", "2026-11-22T10:15:00")
    assert "is no moment" in here.refused("restore", place, str(target), "--to", "yesterday")
    assert "holds no base x" in here.refused("restore", place, str(target), "--base", "x")
    assert "timeline 7 is not in the archive" in here.refused("restore", place, str(target), "--timeline", "7")
    assert not target.exists()
    target.mkdir()
    (target / "letter").write_text("mine")
    assert "is not empty" in here.refused("restore", place, str(target))
    assert "is not empty" in here.refused("restore", place, str(here.bank.directory)), "a server runs there"
    assert (target / "letter").read_text() == "mine"
    assert here.pay(1)


def test_what_was_cut_short_is_no_base(here: Archived) -> None:
    child = here.spawn("backup", str(here.archive))
    begun = here.archive / "base"
    eventually(lambda: child.poll() is not None or (begun.exists() and list(begun.glob(".*/data/base"))))
    child.kill()
    child.wait()
    (cut,) = begun.iterdir()
    assert cut.name.startswith("."), "it was killed in time"
    assert archive.bases(here.archive) == []
    assert "holds no whole base backup" in here.refused("restore", str(here.archive), str(here.folder / "x"))
    made = here.back_up()
    assert [path.name for path in begun.iterdir()] == [made["base"]["name"]], "what was left is swept away"
    assert not _programs_of(cut), "and so is the program that wrote on"


def _programs_of(place: Path) -> list[str]:
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [" ".join(line) for line in lines if any(str(place) in word for word in line)]


def test_old_bases_go_with_their_wal_unless_somebody_reads(here: Archived) -> None:
    here.follow()
    here.back_up()
    here.pay(1)
    with programs.reading(here.archive):
        second = here.back_up("--keep", "1")["base"]
    assert len(archive.bases(here.archive)) == 2, "a restore was reading"
    here.caught_up()
    assert backup.prune(here.archive, 1)
    assert [base.name for base in archive.bases(here.archive)] == [second["name"]]
    names = sorted(path.name[:24] for path in (here.archive / "wal").iterdir())
    size = second["segment_bytes"]
    assert names[0] == archive.segment_name(1, archive.lsn(second["start_lsn"]) // size, size)
    assert archive.road(here.archive, archive.bases(here.archive)[0], 1).missing == ""
    here.leave()


def test_one_folder_is_for_one_server_and_one_follower(here: Archived, empty_database: str) -> None:
    here.follow()
    assert b"another process works on" in here.failed("backup", str(here.archive), "--follow")
    assert b"is active for PID" in here.failed("backup", str(here.folder / "other"), "--follow")
    assert here.follower is not None
    here.follower.kill()
    here.follower.wait()
    # What it had started goes on without it, until another takes over.
    here.follow()
    here.pay(1)
    here.caught_up()
    here.leave()
    (segment, *_) = sorted((here.archive / "wal").iterdir())
    for path in (here.archive / "wal").iterdir():
        _flip(path, 24)
    assert "backups of another server" in here.refused("backup", str(here.archive))
    assert segment.exists()
    with pytest.raises(BackupError, match="wal_level is minimal"):
        backup.take(empty_database, here.archive)


def test_a_follower_that_was_away_too_long_begins_anew(here: Archived) -> None:
    here.follow()
    before = here.back_up()["base"]
    here.pay(1)
    here.caught_up()
    here.leave()
    was_away_too_long(here)
    here.follow()
    eventually(lambda: len(archive.wal_folders(here.archive)) == 2)
    paid = here.pay(1)
    here.caught_up()
    assert here.follower is not None
    here.follower.send_signal(signal.SIGINT)
    _, said = here.follower.communicate(timeout=30)
    assert here.follower.returncode == 0
    here.follower = None
    assert b"Take a base now" in said
    assert "the archive has a gap" in here.refused("restore", str(here.archive), str(here.folder / "gap"))
    after = here.back_up()["base"]
    listed = here.document("backup", str(here.archive), "--list")["bases"]
    assert [one["base"]["name"] for one in listed] == [before["name"], after["name"]]
    assert [bool(one["missing"]) for one in listed] == [True, False]
    assert ids(paid) <= payments_in(here.restored("anew")["url"])


def test_a_follower_whose_slot_stands_at_what_is_gone_begins_anew_once(here: Archived) -> None:
    here.follow()
    here.pay(1)
    here.caught_up()
    here.leave()
    ((stood,),) = here.sql("SELECT restart_lsn::text FROM pg_replication_slots WHERE slot_name = 'tongbao_backup'")
    was_away_too_long(here)
    here.sql("SELECT pg_create_physical_replication_slot('tongbao_backup', true)")
    move_back(here.bank.url, stood)
    here.follow()
    here.pay(1)
    here.caught_up()
    here.leave()
    assert len(archive.wal_folders(here.archive)) == 2


def was_away_too_long(here: Archived) -> None:
    """The server has thrown away what its follower, who has left, would need next."""
    here.sql("SELECT pg_drop_replication_slot('tongbao_backup')")
    for _ in range(2):
        here.sql("SELECT pg_switch_wal()")
        here.pay(1)
        here.sql("CHECKPOINT")


def move_back(url: str, to: str) -> None:
    """As the follower does with its first word, where the server hears it before it finds that it has no such WAL."""
    with closing(psycopg.connect(url, autocommit=True, replication="true")) as conn:
        now = conn.pgconn.exec_(b"IDENTIFY_SYSTEM").get_value(0, 2) or b""
        conn.pgconn.exec_(b"START_REPLICATION SLOT tongbao_backup PHYSICAL " + now)
        there = archive.lsn(to)
        conn.pgconn.put_copy_data(struct.pack("!cQQQQB", b"r", there, there, there, 0, 0))
        conn.pgconn.flush()
        eventually(lambda: rows(url, "SELECT 1 FROM pg_replication_slots WHERE restart_lsn = %s::pg_lsn", to))


@contextmanager
def standby_of(here: Archived) -> Iterator[Cluster]:
    """A second server that receives everything from the bank's, as docs/operating/standby.md has it."""
    cluster = Cluster(here.folder / "standby", SETTINGS)
    programs.make_folder(cluster.data_dir)
    copy = [programs.find("pg_basebackup", programs.major_of_wheel()), f"--pgdata={cluster.pgdata}"]
    copy += ["--write-recovery-conf", "--create-slot", "--slot=standby", "--no-sync", "--checkpoint=fast"]
    programs.run([*copy, programs.connection(here.bank.url, "standby")])
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop("immediate")


def test_the_follower_goes_over_to_a_standby_that_takes_over(here: Archived) -> None:
    bank = here.bank
    alone = bank.url
    with standby_of(here) as standby:
        hosts = quote(f"{bank.directory},{standby.data_dir}", safe=",")
        bank.url = f"postgresql://tongbao@/bank?host={hosts}&port=5432,5432&target_session_attrs=read-write"
        try:
            here.follow()
            here.back_up()
            here.sql("CREATE TABLE public.told AS SELECT 1 AS n")
            here.caught_up()
            ((written,),) = here.sql("SELECT pg_current_wal_lsn()::text")
            eventually(
                lambda: rows(standby.url("bank"), "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written)[0][0]
            )
            bank.cluster.kill()
            rows(standby.url("bank"), "SELECT pg_promote()")
            eventually(lambda: backup.is_followed(bank.url))
            here.sql("INSERT INTO public.told VALUES (2)")
            here.caught_up()
            here.leave()
            restored = here.restored("after")
            assert rows(restored["url"], "SELECT n FROM public.told ORDER BY n") == [(1,), (2,)]
            assert restored["proof"]["holds"]
            assert {tli for tli, _ in archive.received(here.archive, SEGMENT)} == {1, 2}
        finally:
            bank.url = alone
            bank.start("postgres")
            rows(bank.url, "SELECT pg_drop_replication_slot('standby')")
            rows(bank.url, "DROP TABLE IF EXISTS public.told")
            bank.wait_ready()


def test_a_role_that_may_not_replicate(here: Archived) -> None:
    here.sql("CREATE ROLE teller LOGIN")
    url = here.bank.url.replace("//tongbao@", "//teller@")
    with pytest.raises(BackupError, match="ALTER ROLE teller REPLICATION"):
        backup.take(url, here.archive)
    here.sql("ALTER ROLE teller REPLICATION")
    here.sql("GRANT SELECT ON public.schema_migrations TO teller")
    assert backup.take(url, here.archive).user == "teller"
    here.sql("REVOKE ALL ON public.schema_migrations FROM teller")
    here.sql("DROP ROLE teller")


def test_a_program_of_the_right_version_or_none() -> None:
    assert Path(programs.find("pg_basebackup", programs.major_of_wheel())).exists()
    with pytest.raises(BackupError, match="pg_basebackup of PostgreSQL 9 is needed"):
        programs.find("pg_basebackup", 9)


SEGMENT = 1 << 24


class Shelf:
    """A folder of backups of which only the names matter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "wal").mkdir()
        self.began = datetime(2026, 11, 22, tzinfo=UTC)

    def base(self, name: str, timeline: int, first: int, last: int) -> Base:
        base = Base(
            name=name,
            tongbao="",
            postgresql=18,
            migration="",
            system_identifier="1",
            timeline=timeline,
            started=self.began,
            ended=self.began + timedelta(hours=last),
            start_lsn=f"0/{first * SEGMENT + 40:X}",
            end_lsn=f"0/{last * SEGMENT + 400:X}",
            segment_bytes=SEGMENT,
            bytes=0,
            user="",
            database="",
        )
        wal = self.folder / "base" / name / "data" / "pg_wal"
        wal.mkdir(parents=True)
        (wal.parent.parent / "backup.json").write_bytes(msgspec.json.encode(base))
        for number in range(first, last + 1):
            (wal / archive.segment_name(timeline, number, SEGMENT)).write_bytes(b"base" + bytes(8))
        return base

    def wal(self, timeline: int, *numbers: int, partial: int = 0, text: bytes = b"received") -> None:
        for number in numbers:
            name = archive.segment_name(timeline, number, SEGMENT) + (".partial" if number == partial else "")
            (self.folder / "wal" / name).write_bytes(text + bytes(8))

    def history(self, timeline: int, *parents: tuple[int, int]) -> None:
        lines = [f"{tli}\t0/{number * SEGMENT + 500:X}\tno recovery target specified\n" for tli, number in parents]
        (self.folder / "wal" / f"{timeline:08X}.history").write_text("\n".join(lines))

    def road(self, base: Base, timeline: int) -> tuple[list[tuple[int, int, str]], str]:
        found = archive.road(self.folder, base, timeline)
        return [(one.timeline, one.number, one.path.parent.name) for one in found.segments], found.missing


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_follower_that_stopped_before_the_base_ended_adds_nothing(shelf: Shelf) -> None:
    base = shelf.base("a", 1, 3, 4)
    shelf.wal(1, 2, 3, partial=3, text=b"")
    assert shelf.road(base, 1) == ([(1, 3, "pg_wal"), (1, 4, "pg_wal")], "")


def test_a_follower_that_began_after_the_base_leaves_a_gap(shelf: Shelf) -> None:
    base = shelf.base("a", 1, 3, 4)
    shelf.wal(1, 5, 6)
    assert shelf.road(base, 1) == ([(1, 3, "pg_wal"), (1, 4, "pg_wal")], "000000010000000000000004")
    shelf.wal(1, 4, partial=4)
    assert shelf.road(base, 1)[1] == "000000010000000000000004", "its last part lacks still"
    shelf.wal(1, 4)
    assert shelf.road(base, 1) == ([(1, 3, "pg_wal"), *((1, n, "wal") for n in (4, 5, 6))], "")


def test_after_a_failover_the_road_changes_to_the_new_timeline(shelf: Shelf) -> None:
    base = shelf.base("a", 1, 3, 3)
    shelf.wal(1, 3, 4, 5, 6, 7, partial=7)
    shelf.history(2, (1, 5))
    shelf.wal(2, 5, 6, 7, partial=7)
    roads = [(1, 3, "wal"), (1, 4, "wal"), (2, 5, "wal"), (2, 6, "wal"), (2, 7, "wal")]
    assert shelf.road(base, 2) == (roads, "")
    assert archive.choose(shelf.folder) == (base, 2)
    left = [(1, 3, "wal"), (1, 4, "wal"), (1, 5, "wal"), (1, 6, "wal"), (1, 7, "wal")]
    assert shelf.road(base, 1) == (left, ""), "what was left behind can still be asked for"

    late = shelf.base("late", 1, 6, 6)
    assert archive.choose(shelf.folder) == (base, 2), "a base that was made on what was left leads nowhere"
    assert archive.choose(shelf.folder, timeline=1) == (late, 1)
    assert archive.newest_timeline(shelf.folder, late) == 1
    assert archive.newest_timeline(shelf.folder, base) == 2
    newer = shelf.base("newer", 2, 6, 6)
    assert archive.choose(shelf.folder) == (newer, 2)
    assert archive.choose(shelf.folder, to=shelf.began + timedelta(hours=4)) == (base, 2)
    (shelf.folder / "wal").rename(shelf.folder / "wal.20261122T000000000000Z")
    (shelf.folder / "wal").mkdir()
    assert shelf.road(base, 2)[1] == "", "what was set aside is still there"
    shelf.history(3, (1, 5), (2, 7))
    assert archive.choose(shelf.folder) == (newer, 3)
    shelf.wal(3, 7, 8, partial=8)
    assert shelf.road(newer, 3)[0][1:] == [(3, 7, "wal"), (3, 8, "wal")]


def test_names_of_segments() -> None:
    assert archive.lsn("1A/2B3C4D5E") == 0x1A2B3C4D5E
    assert archive.segment_name(2, 0x1A2B3C4D5E // SEGMENT, SEGMENT) == "000000020000001A0000002B"
    assert archive.segment_name(1, 5, 1 << 30) == "000000010000000100000001"
