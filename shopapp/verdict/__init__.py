"""The one judge of errors: what each means for the work item, the account or shop, the next try and the merchant.

Nothing else may stop an account, pause a shop or mark an item failed. `judge` is the table; `apply_account` and
`apply_shop` write what it says; a success undoes it (`account_works`, `shop_works`). Never touches the network.
"""

from shopapp.verdict.accounts import account_works, apply_account, call_failed, first_check_failed
from shopapp.verdict.naming import channel_subject, naming, subject
from shopapp.verdict.outages import breaker_open_until, channel_answered, channel_failed, closed_from
from shopapp.verdict.shops import apply_shop, shop_works
from shopapp.verdict.table import Verdict, delay, judge, words_of

__all__ = [
    "Verdict",
    "account_works",
    "apply_account",
    "apply_shop",
    "breaker_open_until",
    "call_failed",
    "channel_answered",
    "channel_failed",
    "channel_subject",
    "closed_from",
    "delay",
    "first_check_failed",
    "judge",
    "naming",
    "shop_works",
    "subject",
    "words_of",
]
