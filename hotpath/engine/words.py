"""Numbers that the engine's modules share, for the interpreter; words.pxd holds them for the compiler.

This module is not compiled. The words that they stand for are contracts/vocabulary.py.
"""

from __future__ import annotations

from typing import Final

LONG: Final = 0
SHORT: Final = 1

OPEN: Final = 0
ADD: Final = 1
PARTIAL_CLOSE: Final = 2
CLOSE: Final = 3
CANCEL: Final = 4
SYNC_STATE: Final = 5
HOLD: Final = 6
PROTECT: Final = 7

MARKET: Final = 0
LIMIT: Final = 1
POST_ONLY: Final = 2
STOP: Final = 3
TAKE_PROFIT: Final = 4
IOC: Final = 5

REQUESTED: Final = 0
SUBMITTED: Final = 1
ACCEPTED: Final = 2
PARTLY_FILLED: Final = 3
CANCEL_REQUESTED: Final = 4
UNKNOWN: Final = 5
FILLED: Final = 6
CANCELLED: Final = 7
EXPIRED: Final = 8
REJECTED: Final = 9

OCO: Final = 0
LEG_FLAT: Final = 1
ONE_WAY_CONFLICT: Final = 2
LIQUIDATION: Final = 3
IOC_REMAINDER: Final = 4

NO_PART: Final = 0
STOP_PART: Final = 1
TARGET_PART: Final = 2
LONG_PART: Final = 3
SHORT_PART: Final = 4

FALLBACK_REJECT: Final = 1
FALLBACK_TIMEOUT: Final = 2

LIFO: Final = 0
FIFO: Final = 1
AVERAGE: Final = 2

TRADING_OPEN: Final = 0
TRADING_STOPPED: Final = 1
TRADING_KILLED: Final = 2
TRADING_FLATTENING: Final = 3

NOTICE_REQUESTED: Final = 0
NOTICE_SUBMITTED: Final = 1
NOTICE_ACCEPTED: Final = 2
NOTICE_FILLED: Final = 3
NOTICE_CANCEL_REQUESTED: Final = 4
NOTICE_CANCELLED: Final = 5
NOTICE_EXPIRED: Final = 6
NOTICE_REJECTED: Final = 7
NOTICE_DENIED: Final = 8
NOTICE_UNKNOWN: Final = 9
NOTICE_BLOCKED: Final = 10
NOTICE_LIMIT_TRIPPED: Final = 11
NOTICE_LIMIT_RESET: Final = 12

REPORT_SUBMITTED: Final = 0
REPORT_ACCEPTED: Final = 1
REPORT_PARTLY_FILLED: Final = 2
REPORT_FILLED: Final = 3
REPORT_CANCELLED: Final = 4
REPORT_EXPIRED: Final = 5
REPORT_REJECTED: Final = 6
REPORT_CANCEL_REQUESTED: Final = 7
REPORT_CANCEL_REFUSED: Final = 8
REPORT_UNKNOWN: Final = 9
REPORT_ABSENT: Final = 10

EXPLICIT: Final = 0
DELEGATE_NOTIONAL: Final = 1

INTENT_OPEN: Final = 0
INTENT_VOID: Final = 1
INTENT_ACTED: Final = 2
INTENT_WITHOUT_ORDER: Final = 3
INTENT_ABSENT: Final = 4

LEG_WAITS: Final = 0
LEG_KEPT: Final = 1
LEG_PUT_BACK: Final = 2
