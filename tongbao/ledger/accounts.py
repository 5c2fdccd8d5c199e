"""Open accounts, look at them, freeze, thaw and close them, move their floors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from tongbao.base.db import Tx
from tongbao.ledger import book, store
from tongbao.ledger import refusals as no
from tongbao.ledger.model import STATE_MOVES, Account, NewAccount, State


async def open_accounts(tx: Tx, new: Sequence[NewAccount]) -> list[int]:
    """Opens accounts in one statement; their ids in the order asked for.

    Refuses `gl_line_unknown`, `control_unsuitable`.
    """
    if not new:
        return []
    known = {row[0] for row in await store.gl_lines(tx)}
    named = {control for account in new for control in account.controls}
    controls = await store.accounts(tx, named) if named else {}
    for account in new:
        if account.gl_line not in known:
            raise no.GL_LINE_UNKNOWN(account.gl_line)
        if len(set(account.controls)) < len(account.controls):
            raise no.CONTROL_UNSUITABLE("named twice")
        for control_id in account.controls:
            control = controls.get(control_id)
            if control is None or not control.is_control or control.controls or control.currency != account.currency:
                raise no.CONTROL_UNSUITABLE(str(control_id))
    return await store.open_accounts(tx, new)


async def own_account(
    tx: Tx, gl_line: str, currency: str, at: datetime, *, legal_entity: str = "main", branch: str = "main"
) -> int:
    """The bank's own account of a line and currency, without a floor; opened when first asked for."""
    found = await store.bank_account(tx, gl_line, currency, legal_entity, branch)
    if found is None:
        await store.one_opener(tx)
        found = await store.bank_account(tx, gl_line, currency, legal_entity, branch)
    if found is not None:
        return found
    new = NewAccount(
        currency=currency,
        gl_line=gl_line,
        at=at,
        floor_minor=None,
        hottest=True,
        legal_entity=legal_entity,
        branch=branch,
    )
    return (await open_accounts(tx, [new]))[0]


async def accounts(tx: Tx, ids: Iterable[int]) -> dict[int, Account]:
    """The accounts as they are now, by id; unknown ids are left out. No locks."""
    return await store.accounts(tx, ids)


async def contended(tx: Tx, ids: Iterable[int]) -> set[int]:
    """Those of the accounts whose rows somebody else has locked at this moment."""
    wanted = set(ids)
    return wanted - await store.lockable(tx, wanted)


async def set_state(tx: Tx, account_id: int, state: State, at: datetime) -> Account:
    """Opens, freezes or closes an account. A frozen account pays nothing and still receives.

    Refuses `account_unknown`, `state_move_refused`, `account_not_empty`. Asking for the state it has changes nothing.
    """
    account = await _locked(tx, account_id, at)
    if state is account.state:
        return account
    if state not in STATE_MOVES[account.state]:
        raise no.STATE_MOVE_REFUSED(f"{account.state.name.lower()} to {state.name.lower()}")
    if state is State.CLOSED and (account.balance_minor or account.held_minor):
        raise no.ACCOUNT_NOT_EMPTY()
    await store.set_state(tx, account_id, state)
    account.state = state
    return account


async def set_floor(tx: Tx, account_id: int, floor_minor: int, at: datetime) -> Account:
    """Moves an account's floor (a credit limit is minus its floor). What already lies below it becomes `excess`."""
    await _locked(tx, account_id, at)
    await store.set_floor(tx, account_id, floor_minor)
    return (await store.accounts(tx, [account_id]))[account_id]


async def _locked(tx: Tx, account_id: int, at: datetime) -> Account:
    account = (await book.lock(tx, accounts=[account_id], at=at)).accounts.get(account_id)
    if account is None:
        raise no.ACCOUNT_UNKNOWN()
    return account
