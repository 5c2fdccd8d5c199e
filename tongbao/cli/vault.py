"""`tongbao vault`: the keyring, new keys while the bank runs, and how far everything is under them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from tongbao import vault
from tongbao.base.clock import SystemClock
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import SettingsError, load
from tongbao.cli import canary, database, output
from tongbao.vault import Keyring, Suite, Token

app = typer.Typer(name="vault", help="Keys of the vault.", no_args_is_help=True)
app.add_typer(canary.app)

_KEEP: str = (
    "Keep a copy of it where no backup of the database is: without it nothing in the vault can be read again; with it and"
    " a backup, everything can."
)


@app.command("init")
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new keyring; for its owner's eyes alone.")],
    suite: Annotated[Suite, typer.Option(help="Cipher of the root key.")] = Suite.AES_256_GCM,
) -> None:
    """Make a keyring with one root key. A file that is there already is left alone."""
    try:
        # Before there are settings: production takes none without a keyring.
        keyring = Keyring.create(file.absolute(), SystemClock().now(), suite)
    except FileExistsError:
        raise SettingsError(f"{file} exists; a keyring is never overwritten") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be written ({error.strerror})") from None
    typer.echo(f"TONGBAO_KEYRING={keyring.path}")
    typer.echo(f"tongbao: {_KEEP}", err=True)


@app.command("init-token")
def init_token(
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="As TONGBAO_PKCS11: which token, and the label of its keys.")
    ],
) -> None:
    """Make the first root key on a security module's token. One that is there already is left alone."""
    try:
        token = Token.begin(uri, SystemClock().now())
    except FileExistsError:
        raise SettingsError("the token has a root key of this label already") from None
    typer.echo(f"TONGBAO_PKCS11={uri}")
    typer.echo(
        f"tongbao: root key {token.active()} is on the token, and nowhere else. Back the token up as its maker says.",
        err=True,
    )


@app.command("rotate")
def rotate(
    suite: Annotated[
        Suite | None, typer.Option(help="Cipher of all that is sealed from now on, and of what is sealed again.")
    ] = None,
    root: Annotated[bool, typer.Option("--root", help="A new root key; the keyring gets it first.")] = False,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="With --root: only put it into the keyring, to be copied to other machines."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """A new key, and everything sealed again under it, while the bank runs. Cut short, the worker goes on within the hour."""
    if prepare and not root:
        raise typer.BadParameter("--prepare goes with --root")
    if root:
        if suite is not None:
            raise typer.BadParameter("a cipher is chosen by the other keys' rotation, without --root")
        if load().pkcs11:
            if prepare:
                raise typer.BadParameter("every machine asks the same token: nothing is prepared there")
            _new_root_on_token(load().pkcs11)
        elif _new_root(prepare):
            return
    done = asyncio.run(_rotate(root, suite))
    if as_json:
        output.document(done)
    else:
        typer.echo(f"{'root key' if root else 'kek'} {done['key']}; {done['done']} sealed again, {done['left']} left")


def _new_root(prepare: bool) -> bool:
    """A new root key in the file; whether it is only prepared."""
    keyring = _keyring()
    prepared = keyring.prepare(load().make_clock().now())
    if prepare:
        typer.echo(f"{prepared} is in {keyring.path}: copy it to every machine, then `tongbao vault rotate --root`")
        return True
    keyring.activate_newest()
    return False


def _new_root_on_token(uri: str) -> None:
    """A new root key on the token; but the first time, when the token takes over from a file, its own is new enough."""
    token = Token.open(uri)
    if asyncio.run(_root_in_use()) == token.active():
        token.new_root(load().make_clock().now())


async def _root_in_use() -> str:
    """The root key of the kek that wraps; empty before there was one."""
    async with database.office("vault") as office, office.db.read() as tx:
        keks = (await vault.status(tx)).keks
    return next((kek.root_id for kek in keks if kek.retired_at is None), "")


def _keyring() -> Keyring:
    path = load().keyring
    if not path:
        raise SettingsError("TONGBAO_KEYRING names no keyring; make one with `tongbao vault init FILE`")
    return Keyring.open(Path(path))


async def _rotate(root: bool, suite: Suite | None) -> dict[str, str | int]:
    async with database.office("vault") as office:
        kek: int | None = None
        if not root:
            async with office.db.tx() as tx:
                kek = await vault.rotate_kek(tx, by=SYSTEM, at=office.clock.now(), suite=suite)
        done = await vault.reencrypt(office.db, office.clock)
        async with office.db.read() as tx:
            after = await vault.status(tx)
    return {"key": after.root_id if kek is None else kek, "done": done, "left": after.left}


@app.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Which keys wrap what, and what is still under old ones."""
    found = asyncio.run(_status())
    if as_json:
        output.document(found)
        return
    typer.echo(f"root key {found.root_id} wraps")
    for kek in found.keks:
        state = f"retired {_moment(kek.retired_at)}" if kek.retired_at else "wraps"
        typer.echo(
            f"kek {kek.id:<4} {kek.suite.value:12} {state:28} {kek.keys:>9,} personal keys  under root key {kek.root_id}"
        )
    for suite, many in sorted(found.data.items()):
        typer.echo(f"data     {suite:12} {many:>9,}")
    typer.echo(f"{found.erased:,} people erased; {found.left:,} still to be sealed again")


async def _status() -> vault.Status:
    async with database.office("vault") as office, office.db.read() as tx:
        return await vault.status(tx)


@app.command("readings")
def readings(
    subject: Annotated[UUID | None, typer.Option("--of", help="Only what was read of this person.")] = None,
    by: Annotated[UUID | None, typer.Option("--by", help="Only what this person or key read.")] = None,
    in_bulk: Annotated[
        bool, typer.Option("--in-bulk", help="Instead, what rotations and proofs went through, a range a row.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Who read what of whom, when and why: by ids, never what was read."""
    found = asyncio.run(_readings(subject, by, in_bulk, most))
    if as_json:
        output.document({"readings": found})
        return
    for one in found:
        who, what = f"{one.by_kind.value} {one.by_id}", ", ".join(one.kinds)
        of = "everybody" if in_bulk else f"{what} of {len(one.subjects)}"
        typer.echo(f"{_moment(one.at)}  {one.verb:6}  {of}  by {who}: {one.reason}")


async def _readings(subject: UUID | None, by: UUID | None, in_bulk: bool, most: int) -> list[vault.Reading]:
    async with database.office("vault") as office, office.db.read() as tx:
        return await vault.readings(tx, subject_id=subject, by_id=by, in_bulk=in_bulk, most=most)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
