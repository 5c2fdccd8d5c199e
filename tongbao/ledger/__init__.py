"""Money: strict double entry. Nobody imports deeper than this face."""

from tongbao.ledger.accounts import accounts, contended, open_accounts, own_account, set_floor, set_state
from tongbao.ledger.book import Book, lock
from tongbao.ledger.close_day import BooksDoNotBalance, close_day
from tongbao.ledger.enquire import (
    Statement,
    TrialLine,
    balance_at,
    balance_on_value_date,
    closed_trial_balance,
    entries,
    postings_of,
    statement,
    trial_balance,
)
from tongbao.ledger.model import (
    Account,
    Entry,
    Forced,
    Hold,
    Item,
    NewAccount,
    NewHold,
    Posted,
    Posting,
    Release,
    State,
    Transfer,
)
from tongbao.ledger.post import post
from tongbao.ledger.reverse import reverse

__all__ = [
    "Account",
    "Book",
    "BooksDoNotBalance",
    "Entry",
    "Forced",
    "Hold",
    "Item",
    "NewAccount",
    "NewHold",
    "Posted",
    "Posting",
    "Release",
    "State",
    "Statement",
    "Transfer",
    "TrialLine",
    "accounts",
    "balance_at",
    "balance_on_value_date",
    "close_day",
    "closed_trial_balance",
    "contended",
    "entries",
    "lock",
    "open_accounts",
    "own_account",
    "post",
    "postings_of",
    "reverse",
    "set_floor",
    "set_state",
    "statement",
    "trial_balance",
]
