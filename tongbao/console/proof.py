"""What proves the books: the checks of every slice in the order in which they build on each other, and their words."""

from __future__ import annotations

from typing import Final

from tongbao import clearing, govern, identity, ledger, merchants, payments, vault
from tongbao.base.prove import Check

CHECKS: Final[tuple[Check, ...]] = (
    *ledger.CHECKS,
    *payments.CHECKS,
    *merchants.CHECKS,
    *clearing.CHECKS,
    *identity.CHECKS,
    *vault.CHECKS,
    *govern.CHECKS,
)

_LETTERS: Final = "LPMCIVG"


def _place(number: str) -> tuple[int, int]:
    return _LETTERS.find(number[0]), int(number[1:])


INVARIANTS: Final[tuple[str, ...]] = tuple(
    sorted({number for check in CHECKS for number in check.invariants}, key=_place)
)
"""The numbers of docs/invariants.md, each once and in its order."""

CHECK_MESSAGES: Final = {
    "entries": "Entries of every account",
    "transfers": "Transfers of the ledger",
    "accounts": "Balances of every account",
    "days": "Closed days",
    "layout": "Layout of the tables",
    "payments": "New payments",
    "payments that changed": "Payments that changed",
    "open payments": "Open payments",
    "spending counters": "Spending counters",
    "levels of payers": "Levels of payers",
    "policies of authorisation": "Versions of the authorisation policy",
    "proofs of payers": "Proofs of payers",
    "standing orders": "Standing orders",
    "limits of accounts": "Limits of accounts",
    "bound cards": "Bound cards",
    "trusted people": "Trusted people",
    "collections by codes": "Collections by payers' codes",
    "merchants": "Merchants and deliveries",
    "clearing batches": "Clearing batches",
    "clearing account": "Clearing account",
    "orders": "Orders",
    "personal keys": "Personal keys",
    "sealed data": "Sealed personal data",
    "canaries": "Canaries of the vault",
    "people": "Names of people",
    "sessions": "Sessions of customers",
    "customers": "Customers and what they prove themselves with",
    "rights": "Rights of staff and keys",
    "people who left": "People who have left",
    "audit": "Audit trail",
}
"""What pages call each check."""

INVARIANT_MESSAGES: Final = {
    "L1": "An account's entries are numbered 1, 2, 3, ... without gaps, in the order of their ids.",
    "L2": "The balance after an entry is the balance before it with the amount.",
    "L3": "A posting is in the currency of both its accounts, and neither is a control account.",
    "L4": "A posting has a transfer of the same booking date.",
    "L12": "Nothing is booked on a day after it was closed.",
    "L5": "A transfer has exactly the postings that it says it has.",
    "L6": "An account's version is the number of its entries.",
    "L7": "An account's balance is the sum of its entries.",
    "L8": "An account's held money is the sum of what is left of its holds.",
    "L9": "A control account's balance and held money are the sums of those of the accounts that name it.",
    "L10": "No account is below its floor but by its excess, and no excess is larger than that.",
    "L11": "In every currency the accounts add up to zero.",
    "L13": "The trial balance of a closed day is the sum of its postings.",
    "L14": "Value-dated sums are the sums of the postings of closed days.",
    "L15": "No index covers what changes with a posting.",
    "P1": "What a payment says was captured is what its transfers moved from payer to payee.",
    "P2": "What a payment says was refunded is what its refunds moved back.",
    "P3": "An authorised or held payment's hold has left what was authorised and not captured; any other's has nothing left.",
    "P4": "A payment's events are numbered without a gap, up to its sequence.",
    "P5": "A claimed payment or operation is decided in the transaction that claimed it.",
    "P7": "What waits for somebody or something is in the list of open payments, and nothing else is.",
    "P8": "What waits for a rail, or for a card to be given its money back, has a time at which it is asked next; no other has.",
    "P9": "Nobody pays more on a day than the level allows at which the bank knows him.",
    "P6": "An account's counters of the day are what its payments of the day used of its limits.",
    "P10": "The versions of the policy of authorisation are as they were approved, without a gap, each sealed over the one before.",
    "P11": "What a payer had to agree to went on with a proof, signed by the bank's key, of this amount to this payee.",
    "P12": "Each yes of the card network is booked once, for the amount that was asked, or taken back once; nothing else is booked.",
    "P13": "A standing order is what its payer asked for, and goes on only while he lets it.",
    "P14": "An account's own limits are those that were last set for it.",
    "P15": "A card that is bound was bound by its customer, and not taken away since.",
    "P16": "What a trusted person was to agree to went on only with his yes.",
    "P17": "What a shop took by a payer's code used that code once, and was paid to that shop from the account of the code.",
    "M1": "A payment has claimed at most one order.",
    "M2": "A merchant's takings stand on line 2030 and its settlement account on 2020, both in its currency.",
    "M3": "Every fee plan has a rate for any other method.",
    "M4": "A delivery has as many attempts on record as it counts.",
    "C1": "The positions of a batch add up to zero.",
    "C2": "A merchant's position is the sum of what payments moved for it on that booking day.",
    "C3": "Clearing moved what a day left on the takings account, once.",
    "C4": "Settlement paid out, or collected, a position's net and its fee, once.",
    "C5": "The acquirer's clearing account holds what is cleared and not settled, less what has been advanced.",
    "C6": "An order says of its payment what the payment says of itself.",
    "I1": "Every customer and every member of staff has a name, unless the person was erased.",
    "V1": "Every datum stands under a living key of its person.",
    "V2": "Every datum opens under that key, as what it is, for whom it is.",
    "V3": "A datum is found by what it says, and by nothing else.",
    "V4": "Every living key opens under its kek, for the person whose it is.",
    "V5": "Every reading of a canary has raised the alarm.",
    "I2": "A session is in a device of the customer whose it is.",
    "I3": "A customer stands as the audit says: open or frozen, at his level, cautious as long as he must be, and restricted while he is.",
    "I4": "What a customer proves himself with was set or added by an entry of the audit, as it is, and not taken away since.",
    "I5": "A device is trusted from the moment that the audit says, unless it was logged out.",
    "I6": "Every answer to what the bank asks leave for was given by its customer, and none is missing.",
    "I7": "A member of staff has the roles, and an API key the rights, that the audit says.",
    "G1": "Of an erased person no word is kept.",
    "G2": "Whoever is noted as having left has left.",
    "G3": "Each entry of the audit says what it said when it was sealed, and none came or went.",
}
"""What must hold, as the checks and docs/invariants.md say it."""
