/* The account of both loops: lots of one symbol's two legs, exact money, drawdowns.
 *
 * The rules are those of hotpath/reference/ledger.py and services/execution/core: money is an integer of 1e-12,
 * each amount is rounded once, half-even. What the loops leave out, because their runs do not meet it, ends
 * them with a code instead of a wrong number: a refusal, a rejection, a liquidation, too many lots.
 * Ranges are not checked: this is the floor of the arithmetic, not of the care.
 */
#ifndef FLOOR_ACCOUNT_H
#define FLOOR_ACCOUNT_H

#include <math.h>
#include <stdint.h>

typedef __int128 money;

enum { LONG = 0, SHORT = 1, LOTS_MAX = 1024 };
enum code { DONE = 0, REFUSED = 1, NO_MARGIN = 2, LIQUIDATED = 3, TOO_MANY_LOTS = 4, TRACE_FULL = 5 };

/* All of a market and its models that is a number. Steps are powers of ten. */
struct rules {
    double price_scale, lot_scale; /* ticks per unit of price, lots per unit of quantity */
    int64_t multiplier, divisor;   /* money of one lot at one tick is their quotient */
    int64_t fee_rate, fee_scale;
    int64_t leverage, leverage_scale;
    int64_t maintenance, maintenance_scale;
    int64_t slip_up, slip_down, slip_base;
    int64_t min_notional; /* units of money, 0 for none */
    double min_amount, lot_size, min_notional_float;
    int64_t start;        /* equity in whole units of the currency */
};

struct bars {
    int64_t count, first; /* the first bar that is traded */
    const int64_t *open_ns;
    const double *open, *high, *low, *close;
};

struct fill {
    int64_t bar, leg, lots, ticks; /* lots are negative where the fill closes */
};

/* Money as its high and low half, for who reads it. */
struct half {
    int64_t high;
    uint64_t low;
};

struct result {
    struct half realised, unrealised, cash, equity, fees, slippage, turnover, drawdown_realised, drawdown_equity;
    int64_t fills, trades;
};

struct lot {
    int64_t lots, ticks;
};

struct leg {
    int64_t quantity, count;
    money cost;
    struct lot lots[LOTS_MAX];
};

struct account {
    const struct rules *rules;
    struct leg legs[2];
    money cash, realised, fees, slippage, turnover, unrealised, exposure;
    money peak_cash, peak_equity, drawdown_realised, drawdown_equity;
    int64_t fills, trades, bar;
    struct fill *trace;
    int64_t trace_size;
    enum code code;
};

static inline money half_even(money numerator, int64_t denominator)
{
    if (denominator == 1)
        return numerator;
    money quotient, rest;
    if (numerator == (int64_t)numerator) {
        quotient = (int64_t)numerator / denominator;
        rest = (int64_t)numerator % denominator;
    } else {
        quotient = numerator / denominator;
        rest = numerator % denominator;
    }
    if (rest < 0) {
        rest += denominator;
        quotient -= 1;
    }
    if (2 * rest > denominator || (2 * rest == denominator && (quotient & 1)))
        quotient += 1;
    return quotient;
}

/* 128 by 64 bits where the quotient fits 64: one instruction where the processor has it. */
static inline void divide(unsigned __int128 dividend, uint64_t divisor, uint64_t *quotient, uint64_t *rest)
{
#if defined(__x86_64__)
    __asm__("divq %4"
            : "=a"(*quotient), "=d"(*rest)
            : "0"((uint64_t)dividend), "1"((uint64_t)(dividend >> 64)), "rm"(divisor)
            : "cc");
#else
    *quotient = (uint64_t)(dividend / divisor);
    *rest = (uint64_t)(dividend % divisor);
#endif
}

static inline double power_of_two(int exponent)
{
    union {
        uint64_t bits;
        double value;
    } made = {.bits = (uint64_t)(1023 + exponent) << 52};
    return made.value;
}

/* The double nearest to amount / divisor: a quotient of more than 54 bits whose last bit tells of any rest. */
static inline double nearest(money amount, int64_t divisor)
{
    int negative = amount < 0;
    unsigned __int128 size = negative ? -(unsigned __int128)amount : (unsigned __int128)amount;
    if (size < ((uint64_t)1 << 53) && (uint64_t)divisor < ((uint64_t)1 << 53)) {
        double plain = (double)(int64_t)size / (double)divisor;
        return negative ? -plain : plain;
    }
    /* As many bits more than the divisor has as make a quotient of 61 or 62. */
    uint64_t upper = (uint64_t)(size >> 64);
    int length = upper ? 128 - __builtin_clzll(upper) : 64 - __builtin_clzll((uint64_t)size);
    int shift = 61 + 64 - __builtin_clzll((uint64_t)divisor) - length;
    unsigned __int128 scaled = shift >= 0 ? size << shift : size >> -shift;
    int sticky = shift < 0 && (scaled << -shift) != size;
    uint64_t quotient, rest;
    divide(scaled, (uint64_t)divisor, &quotient, &rest);
    sticky |= rest != 0;
    double value = (double)((int64_t)quotient | sticky) * power_of_two(-shift);
    return negative ? -value : value;
}

static inline int64_t ticks_of(const struct rules *rules, double price)
{
    return llrint(price * rules->price_scale);
}

static inline money product(const struct rules *rules, money lots_times_ticks)
{
    return half_even(lots_times_ticks * rules->multiplier, rules->divisor);
}

static inline money unrealised_at(const struct account *account, int64_t ticks)
{
    const struct leg *longs = &account->legs[LONG], *shorts = &account->legs[SHORT];
    money total = 0;
    if (longs->quantity)
        total += product(account->rules, (money)longs->quantity * ticks - longs->cost);
    if (shorts->quantity)
        total += product(account->rules, shorts->cost - (money)shorts->quantity * ticks);
    return total;
}

static inline money notional_at(const struct account *account, int64_t ticks)
{
    money total = 0;
    for (int side = LONG; side <= SHORT; side++)
        if (account->legs[side].quantity)
            total += product(account->rules, (money)account->legs[side].quantity * ticks);
    return total;
}

static inline int is_open(const struct account *account)
{
    return account->legs[LONG].quantity || account->legs[SHORT].quantity;
}

/* What is left of a fill of either kind: money into cash and totals. */
static inline void book(struct account *account, int64_t lots, int64_t ticks, int64_t adverse, money realised)
{
    const struct rules *rules = account->rules;
    money count = (money)lots * ticks;
    money fee = half_even(count * rules->multiplier * rules->fee_rate, rules->divisor * rules->fee_scale);
    account->turnover += product(rules, count);
    account->slippage += product(rules, (money)lots * adverse);
    account->fees += fee;
    account->realised += realised;
    account->cash += realised - fee;
}

static inline void trace(struct account *account, int side, int64_t lots, int64_t ticks)
{
    if (account->trace) {
        if (account->fills == account->trace_size)
            account->code = TRACE_FULL;
        else
            account->trace[account->fills] = (struct fill){account->bar, side, lots, ticks};
    }
    account->fills += 1;
}

static inline int64_t slipped(const struct rules *rules, int64_t ticks, int buys)
{
    if (rules->slip_up == rules->slip_base)
        return ticks;
    if (buys)
        return (int64_t)(((money)ticks * rules->slip_up + rules->slip_base - 1) / rules->slip_base);
    int64_t price = (int64_t)((money)ticks * rules->slip_down / rules->slip_base);
    return price > 1 ? price : 1;
}

static inline void enter(struct account *account, int side, int64_t lots, int64_t open_ticks)
{
    struct leg *leg = &account->legs[side];
    int64_t ticks = slipped(account->rules, open_ticks, side == LONG);
    if (leg->count == LOTS_MAX) {
        account->code = TOO_MANY_LOTS;
        return;
    }
    leg->lots[leg->count++] = (struct lot){lots, ticks};
    leg->quantity += lots;
    leg->cost += (money)lots * ticks;
    book(account, lots, ticks, side == LONG ? ticks - open_ticks : open_ticks - ticks, 0);
    trace(account, side, lots, ticks);
}

/* The newest lots first. */
static inline void leave(struct account *account, int side, int64_t lots, int64_t open_ticks)
{
    struct leg *leg = &account->legs[side];
    int64_t ticks = slipped(account->rules, open_ticks, side == SHORT);
    int64_t sign = side == LONG ? 1 : -1;
    money realised = 0;
    for (int64_t left = lots; left;) {
        struct lot *newest = &leg->lots[leg->count - 1];
        int64_t taken = newest->lots < left ? newest->lots : left;
        realised += product(account->rules, sign * ((money)taken * (ticks - newest->ticks)));
        leg->cost -= (money)taken * newest->ticks;
        newest->lots -= taken;
        if (!newest->lots)
            leg->count -= 1;
        left -= taken;
    }
    leg->quantity -= lots;
    if (!leg->quantity)
        account->trades += 1;
    book(account, lots, ticks, side == LONG ? open_ticks - ticks : ticks - open_ticks, realised);
    trace(account, side, -lots, ticks);
}

/* Whether equity still exceeds the maintenance at a price. */
static inline int is_covered(const struct account *account, int64_t ticks)
{
    const struct rules *rules = account->rules;
    money equity = account->cash + unrealised_at(account, ticks);
    return equity > half_even(notional_at(account, ticks) * rules->maintenance, rules->maintenance_scale);
}

/* The rest of a bar after its orders: liquidation, the mark to the close, peaks and drawdowns. */
static inline void settle(struct account *account, const struct bars *bars, int64_t bar)
{
    const struct rules *rules = account->rules;
    if (is_open(account)) {
        if (rules->maintenance && !(is_covered(account, ticks_of(rules, bars->low[bar])) &&
                                    is_covered(account, ticks_of(rules, bars->high[bar]))))
            account->code = LIQUIDATED;
        int64_t close = ticks_of(rules, bars->close[bar]);
        account->unrealised = unrealised_at(account, close);
        account->exposure = notional_at(account, close);
    } else {
        account->unrealised = account->exposure = 0;
    }
    money equity = account->cash + account->unrealised;
    if (account->cash > account->peak_cash)
        account->peak_cash = account->cash;
    else if (account->peak_cash - account->cash > account->drawdown_realised)
        account->drawdown_realised = account->peak_cash - account->cash;
    if (equity > account->peak_equity)
        account->peak_equity = equity;
    else if (account->peak_equity - equity > account->drawdown_equity)
        account->drawdown_equity = account->peak_equity - equity;
}

static inline money initial_margin(const struct rules *rules, money notional)
{
    return half_even(notional * rules->leverage_scale, rules->leverage);
}

/* What an entry is asked before it is taken: `freed` is the notional of closes that fill before it, `bound` the
 * margin of entries before it. The margin that it binds itself; a code where it would not be taken. */
static inline money ask(struct account *account, int64_t lots, int64_t close, money freed, money bound)
{
    const struct rules *rules = account->rules;
    money notional = product(rules, (money)lots * close);
    if (lots <= 0 || notional < rules->min_notional)
        account->code = REFUSED;
    money held = account->exposure - freed;
    money needed = initial_margin(rules, notional);
    bound += initial_margin(rules, held > 0 ? held : 0);
    if (needed > account->cash + account->unrealised - bound)
        account->code = NO_MARGIN;
    return needed;
}

static inline void begin(struct account *account, const struct rules *rules, struct fill *fills, int64_t size)
{
    *account = (struct account){.rules = rules, .trace = fills, .trace_size = size};
    account->cash = account->peak_cash = account->peak_equity = (money)rules->start * 1000000000000;
}

static inline struct half halves(money units)
{
    return (struct half){(int64_t)(units >> 64), (uint64_t)units};
}

static inline int report(const struct account *account, struct result *result)
{
    *result = (struct result){
        .realised = halves(account->realised),
        .unrealised = halves(account->unrealised),
        .cash = halves(account->cash),
        .equity = halves(account->cash + account->unrealised),
        .fees = halves(account->fees),
        .slippage = halves(account->slippage),
        .turnover = halves(account->turnover),
        .drawdown_realised = halves(account->drawdown_realised),
        .drawdown_equity = halves(account->drawdown_equity),
        .fills = account->fills,
        .trades = account->trades,
    };
    return account->code;
}

#endif
