"""What the bank has sent to somebody, read as the sender of messages reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tongbao import notices, vault

if TYPE_CHECKING:
    from uuid import UUID

    from tests.identity.conftest import World


async def sent_to(world: World, subject_id: UUID) -> list[tuple[str, str, str]]:
    """(kind, telephone, text) of each message that waits for this customer or registration, oldest first."""
    async with world.db.read() as tx:
        rows = await tx.rows(
            "SELECT id, kind, sealed_to, sealed_text FROM notices.message WHERE subject_id = %(id)s ORDER BY queued_at, id",
            id=subject_id,
        )
        return [
            (
                kind,
                (await vault.open_sealed(tx, subject_id, bytes(to), bound=notices.bound_to(id_))).decode(),
                (await vault.open_sealed(tx, subject_id, bytes(text), bound=notices.bound_text(id_))).decode(),
            )
            for id_, kind, to, text in rows
        ]
