"""Money: strict double entry. Nobody imports deeper than this face."""

from tongbao.ledger.accounts import accounts, contended, open_accounts, own_account, set_floor, set_state
from tongbao.ledger.book import Book, lock, lock_holds
from tongbao.ledger.close_day import BooksDoNotBalance, DayOutOfTurn, close_day
from tongbao.ledger.enquire import (
    Statement,
    TrialLine,
    balance_at,
    balance_on_value_date,
    closed_trial_balance,
    entries,
    gl_lines,
    postings_of,
    proved_postings,
    statement,
    trial_balance,
)
from tongbao.ledger.journal import (
    KINDS,
    MAY_PROPOSE,
    Journal,
    JournalLine,
    closed_period,
    propose_journal,
    propose_period_close,
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
from tongbao.ledger.prove import CHECKS
from tongbao.ledger.refusals import ACCOUNT_FROZEN, ACCOUNTS_MUST_BE_DIFFERENT, CURRENCY_MISMATCH
from tongbao.ledger.refusals import ALL as REFUSALS
from tongbao.ledger.reverse import reverse
from tongbao.ledger.suspense import Aged, aged
from tongbao.ledger.words import class_word, kind_word

__all__ = [
    "ACCOUNTS_MUST_BE_DIFFERENT",
    "ACCOUNT_FROZEN",
    "CHECKS",
    "CURRENCY_MISMATCH",
    "KINDS",
    "MAY_PROPOSE",
    "REFUSALS",
    "Account",
    "Aged",
    "Book",
    "BooksDoNotBalance",
    "DayOutOfTurn",
    "Entry",
    "Forced",
    "Hold",
    "Item",
    "Journal",
    "JournalLine",
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
    "aged",
    "balance_at",
    "balance_on_value_date",
    "class_word",
    "close_day",
    "closed_period",
    "closed_trial_balance",
    "contended",
    "entries",
    "gl_lines",
    "kind_word",
    "lock",
    "lock_holds",
    "open_accounts",
    "own_account",
    "post",
    "postings_of",
    "propose_journal",
    "propose_period_close",
    "proved_postings",
    "reverse",
    "set_floor",
    "set_state",
    "statement",
    "trial_balance",
]
