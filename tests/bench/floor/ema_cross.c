/* strategies/ema_cross.py, long only, a fixed number of lots: the loop that the compiled engine is measured beside. */
#include "account.h"

struct average {
    int64_t period, count;
    double factor, value;
};

static inline void update(struct average *average, double close)
{
    if (average->count >= average->period) {
        average->value = (close - average->value) * average->factor + average->value;
        return;
    }
    average->count += 1;
    average->value += close;
    if (average->count == average->period)
        average->value /= (double)average->period;
}

int ema_cross(const struct rules *rules, const struct bars *bars, int64_t fast_bars, int64_t slow_bars, int64_t lots,
              struct fill *fills, int64_t size, struct result *result)
{
    static struct account account;
    struct average fast = {.period = fast_bars, .factor = 2.0 / (double)(fast_bars + 1)};
    struct average slow = {.period = slow_bars, .factor = 2.0 / (double)(slow_bars + 1)};
    int above = -1, entering = 0, leaving = 0;

    begin(&account, rules, fills, size);
    for (int64_t bar = 0; bar < bars->count && !account.code; bar++) {
        double close = bars->close[bar];
        account.bar = bar;
        if (entering || leaving) {
            int64_t open = ticks_of(rules, bars->open[bar]);
            if (leaving)
                leave(&account, LONG, account.legs[LONG].quantity, open);
            else
                enter(&account, LONG, lots, open);
            entering = leaving = 0;
        }
        if (bar >= bars->first)
            settle(&account, bars, bar);
        update(&fast, close);
        update(&slow, close);
        if (slow.count < slow.period || fast.value == slow.value)
            continue;
        int before = above;
        above = fast.value > slow.value;
        if (before < 0 || before == above || bar < bars->first)
            continue;
        int held = account.legs[LONG].quantity != 0;
        leaving = !above && held;
        entering = above && !held;
        if (entering)
            ask(&account, lots, ticks_of(rules, close), 0, 0);
    }
    return report(&account, result);
}
