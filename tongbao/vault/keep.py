"""Keep what is known of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import ring, store
from tongbao.vault.find import fingerprint_of
from tongbao.vault.model import Datum, Kind
from tongbao.vault.refusals import SUBJECT_ERASED
from tongbao.vault.store import SealedDatum
from tongbao.vault.suites import Key, bound_to


async def keep(tx: Tx, data: Sequence[Datum], *, at: datetime) -> None:
    """Seals each datum under the key of its person, in place of what was kept of that kind; the last of two counts.

    Refuses with `subject_erased` where the person's key was destroyed.
    """
    if not data:
        return
    last = {(datum.subject_id, datum.kind): datum for datum in data}
    wrapping, index = await ring.ring(tx, at), await ring.index_key(tx)
    keys = await ring.keys_to_seal(tx, wrapping, {datum.subject_id for datum in data}, at)
    written = await store.write_data(tx, [sealed(d, keys[d.subject_id], index) for d in last.values()], at)
    if written != len(last):
        raise SUBJECT_ERASED()


def sealed(datum: Datum, key: Key, index: Key) -> SealedDatum:
    """A datum as it is stored."""
    return SealedDatum(
        subject_id=datum.subject_id,
        kind=datum.kind,
        key_version=key.id,
        sealed=key.seal(datum.text.encode(), bound_datum(datum.subject_id, datum.kind)),
        fingerprint=fingerprint_of(index, datum.kind, datum.text) if datum.kind.is_found else None,
    )


def bound_datum(subject_id: UUID, kind: Kind) -> bytes:
    """Where a datum belongs: it does not open for another person, as another kind, or in another table."""
    return bound_to("vault.datum", subject_id, kind.value)
