# words.py for the compiler: anonymous enums, so that a comparison is one with a constant. tests/unit/hotpath/test_words.py
# holds both to contracts/vocabulary.py.
cdef enum:
    LONG = 0
    SHORT = 1
cdef enum:
    OPEN = 0
    ADD = 1
    PARTIAL_CLOSE = 2
    CLOSE = 3
    CANCEL = 4
    SYNC_STATE = 5
    HOLD = 6
    PROTECT = 7
cdef enum:
    MARKET = 0
    LIMIT = 1
    POST_ONLY = 2
    STOP = 3
    TAKE_PROFIT = 4
    IOC = 5
cdef enum:
    REQUESTED = 0
    SUBMITTED = 1
    ACCEPTED = 2
    PARTLY_FILLED = 3
    CANCEL_REQUESTED = 4
    UNKNOWN = 5
    FILLED = 6
    CANCELLED = 7
    EXPIRED = 8
    REJECTED = 9
cdef enum:
    OCO = 0
    LEG_FLAT = 1
    ONE_WAY_CONFLICT = 2
    LIQUIDATION = 3
    IOC_REMAINDER = 4
cdef enum:
    NO_PART = 0
    STOP_PART = 1
    TARGET_PART = 2
    LONG_PART = 3
    SHORT_PART = 4
cdef enum:
    FALLBACK_REJECT = 1
    FALLBACK_TIMEOUT = 2
cdef enum:
    LIFO = 0
    FIFO = 1
    AVERAGE = 2
cdef enum:
    TRADING_OPEN = 0
    TRADING_STOPPED = 1
    TRADING_KILLED = 2
    TRADING_FLATTENING = 3
cdef enum:
    NOTICE_REQUESTED = 0
    NOTICE_SUBMITTED = 1
    NOTICE_ACCEPTED = 2
    NOTICE_FILLED = 3
    NOTICE_CANCEL_REQUESTED = 4
    NOTICE_CANCELLED = 5
    NOTICE_EXPIRED = 6
    NOTICE_REJECTED = 7
    NOTICE_DENIED = 8
    NOTICE_UNKNOWN = 9
    NOTICE_BLOCKED = 10
    NOTICE_LIMIT_TRIPPED = 11
    NOTICE_LIMIT_RESET = 12
cdef enum:
    REPORT_SUBMITTED = 0
    REPORT_ACCEPTED = 1
    REPORT_PARTLY_FILLED = 2
    REPORT_FILLED = 3
    REPORT_CANCELLED = 4
    REPORT_EXPIRED = 5
    REPORT_REJECTED = 6
    REPORT_CANCEL_REQUESTED = 7
    REPORT_CANCEL_REFUSED = 8
    REPORT_UNKNOWN = 9
    REPORT_ABSENT = 10
cdef enum:
    EXPLICIT = 0
    DELEGATE_NOTIONAL = 1
cdef enum:
    INTENT_OPEN = 0
    INTENT_VOID = 1
    INTENT_ACTED = 2
    INTENT_WITHOUT_ORDER = 3
    INTENT_ABSENT = 4
cdef enum:
    LEG_WAITS = 0
    LEG_KEPT = 1
    LEG_PUT_BACK = 2
