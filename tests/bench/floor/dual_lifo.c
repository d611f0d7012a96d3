/* strategies/dual_lifo.py on one symbol without holes and funding, every order at the market, no compensation:
 * the loop that the compiled engine is measured beside. Names and rules are those of the strategy. */
#include "account.h"

enum { STEPS = 5, MULTIPLIERS = 5, SUB_SELL_ABOVE = 5, RECENT_MAX = 128 };

static const int64_t DAY_NS = 86400000000000;

struct ladder {
    double sign, factors[STEPS], linear, multipliers[MULTIPLIERS];
    double base_notional, min_order_notional, max_exposure, heavy_exposure, regime_move;
    double take_profit, retrace, sub_take_profit, fees;
    int64_t max_fills, max_fills_per_bar, rate_orders, window_ns;
};

struct state {
    int64_t fills, recent;
    int has_level, has_best;
    double level, base_quantity, entry_close, best, average;
    int64_t added_ns[RECENT_MAX];
};

/* What one decision asked of a leg. */
struct asked {
    int64_t closing, adding, entering;
    int64_t adds[RECENT_MAX];
};

static inline int is_asked(const struct asked *asked)
{
    return asked->closing || asked->adding || asked->entering;
}

static inline double factor(const struct ladder *ladder, int64_t fills)
{
    return fills <= STEPS ? ladder->factors[fills - 1] : ladder->linear;
}

/* Lots in a quantity, cut off as decimal text is: the double of the next lot must not be beyond it. */
static inline int64_t lots_of(const struct rules *rules, double quantity)
{
    int64_t lots = (int64_t)(quantity * rules->lot_scale);
    while ((double)(lots + 1) / rules->lot_scale <= quantity)
        lots += 1;
    while ((double)lots / rules->lot_scale > quantity)
        lots -= 1;
    return lots;
}

static inline double least(const struct rules *rules, double price, double notional)
{
    double quantity = rules->min_amount > rules->lot_size ? rules->min_amount : rules->lot_size;
    double by_rules = rules->min_notional_float / price, by_strategy = notional / price;
    quantity = by_rules > quantity ? by_rules : quantity;
    quantity = by_strategy > quantity ? by_strategy : quantity;
    int64_t lots = lots_of(rules, quantity);
    if ((double)lots / rules->lot_scale < quantity)
        lots += 1;
    return (double)lots / rules->lot_scale;
}

static inline double average(const struct rules *rules, const struct leg *leg)
{
    int64_t scale = 1000000000000 / (int64_t)rules->price_scale;
    return nearest(half_even(leg->cost * scale, leg->quantity), 1000000000000);
}

static int takes_profit(const struct ladder *ladder, struct state *state, double close, double touch)
{
    double sign = ladder->sign;
    double target = state->average * (1.0 + sign * (ladder->take_profit / 100.0 + 0.0));
    if (!state->has_best && sign * (touch - target) < 0.0)
        return 0;
    if (!state->has_best || sign * (touch - state->best) > 0.0) {
        state->best = touch;
        state->has_best = 1;
    }
    return sign * (close - target) >= 0.0 && sign * (close - state->best * ladder->retrace) <= 0.0;
}

/* Lots of the newest rung, when its own target was reached. */
static int64_t sub_sell(const struct account *account, const struct ladder *ladder, const struct leg *leg,
                        double close, double touch)
{
    const struct rules *rules = account->rules;
    if (leg->count <= SUB_SELL_ABOVE)
        return 0;
    double gain = ladder->sub_take_profit / 100.0 + 0.0;
    double equity = nearest(account->cash + account->unrealised, 1000000000000);
    if ((double)leg->quantity / rules->lot_scale * close >= ladder->heavy_exposure * equity)
        gain = 0.0;
    const struct lot *newest = &leg->lots[leg->count - 1];
    double price = (double)newest->ticks / rules->price_scale;
    double target = price * (1.0 + ladder->sign * (ladder->fees + gain));
    if (ladder->sign * (touch - target) >= 0.0 && ladder->sign * (close - target) >= 0.0)
        return newest->lots;
    return 0;
}

static void climb(const struct account *account, const struct ladder *ladder, struct state *state,
                  const struct leg *leg, double close, double touch, double move, int64_t close_ns, struct asked *asked)
{
    const struct rules *rules = account->rules;
    double level = state->level, sign = ladder->sign;
    if (!state->has_level || sign * (level - touch) < 0.0 || -sign * move > ladder->regime_move)
        return;
    int64_t recent = 0;
    for (int64_t number = 0; number < state->recent; number++)
        if (state->added_ns[number] > close_ns - ladder->window_ns)
            state->added_ns[recent++] = state->added_ns[number];
    /* The strategy keeps only what it looked at, and only when it asked: the rest is dropped here as well. */
    state->recent = recent;
    int64_t most = ladder->rate_orders - recent;
    most = ladder->max_fills_per_bar < most ? ladder->max_fills_per_bar : most;
    double smallest = least(rules, close, ladder->min_order_notional);
    double notional = (double)leg->quantity / rules->lot_scale * close;
    double limit = ladder->max_exposure * nearest(account->cash + account->unrealised, 1000000000000);
    int64_t fills = state->fills;
    while (asked->adding < most && fills < ladder->max_fills && sign * (level - touch) >= 0.0) {
        if (sign * (level - close) < 0.0)
            break;
        double quantity = (fills < MULTIPLIERS ? ladder->multipliers[fills] : 1.0) * state->base_quantity;
        quantity = smallest > quantity ? smallest : quantity;
        notional += quantity * close;
        if (notional > limit)
            break;
        asked->adds[asked->adding++] = lots_of(rules, quantity);
        state->added_ns[state->recent++] = close_ns;
        fills += 1;
        level *= factor(ladder, fills);
    }
}

/* Both legs decide on the account as it stands, then every close goes before every entry. */
static void decide(struct account *account, const struct ladder *ladders, struct state *states, struct asked *asked,
                   const struct bars *bars, int64_t bar, int64_t day)
{
    double close = bars->close[bar], move = close / bars->close[day] - 1.0;
    int known = bars->open_ns[day] <= bars->open_ns[bar] - DAY_NS;
    for (int side = LONG; side <= SHORT; side++) {
        struct leg *leg = &account->legs[side];
        double winning = side == LONG ? bars->high[bar] : bars->low[bar];
        double losing = side == LONG ? bars->low[bar] : bars->high[bar];
        asked[side].closing = asked[side].adding = asked[side].entering = 0;
        if (!leg->count) {
            asked[side].entering = 1;
        } else if (takes_profit(&ladders[side], &states[side], close, winning)) {
            asked[side].closing = leg->quantity;
            asked[side].entering = 1;
        } else {
            asked[side].closing = sub_sell(account, &ladders[side], leg, close, winning);
            if (!asked[side].closing && known)
                climb(account, &ladders[side], &states[side], leg, close, losing, move, bars->open_ns[bar],
                      &asked[side]);
        }
    }
    for (int side = LONG; side <= SHORT; side++) {
        asked[side].entering &= known;
        if (!asked[side].entering)
            continue;
        double quantity = ladders[side].base_notional / close;
        double smallest = least(account->rules, close, ladders[side].min_order_notional);
        quantity = smallest > quantity ? smallest : quantity;
        states[side].base_quantity = quantity;
        states[side].entry_close = close;
        asked[side].entering = lots_of(account->rules, quantity);
    }
}

/* Whether the account takes what was asked. */
static void request(struct account *account, const struct asked *asked, double price)
{
    int64_t close = ticks_of(account->rules, price);
    money freed = 0, bound = 0;
    for (int side = LONG; side <= SHORT; side++)
        if (asked[side].closing)
            freed += product(account->rules, (money)asked[side].closing * close);
    for (int side = LONG; side <= SHORT; side++)
        for (int64_t number = 0; number < asked[side].adding; number++)
            bound += ask(account, asked[side].adds[number], close, freed, bound);
    for (int side = LONG; side <= SHORT; side++)
        if (asked[side].entering)
            bound += ask(account, asked[side].entering, close, freed, bound);
}

static void rise(const struct ladder *ladder, struct state *state, int opens)
{
    state->has_best = 0;
    if (opens) {
        state->fills = 1;
        state->has_level = 1;
        state->level = state->entry_close * factor(ladder, 1);
        return;
    }
    state->fills += 1;
    state->level *= factor(ladder, state->fills);
}

static void fall(const struct ladder *ladder, struct state *state, const struct leg *leg, int whole)
{
    state->has_best = 0;
    if (!leg->quantity) {
        state->fills = state->recent = 0;
        state->has_level = 0;
    } else if (!whole && state->fills > 1 && state->has_level) {
        state->level /= factor(ladder, state->fills);
        state->fills -= 1;
    }
}

static void fill(struct account *account, const struct ladder *ladders, struct state *states,
                 const struct asked *asked, int64_t open)
{
    for (int side = LONG; side <= SHORT; side++)
        if (asked[side].closing) {
            int whole = asked[side].closing == account->legs[side].quantity;
            leave(account, side, asked[side].closing, open);
            fall(&ladders[side], &states[side], &account->legs[side], whole);
        }
    for (int side = LONG; side <= SHORT; side++)
        for (int64_t number = 0; number < asked[side].adding; number++) {
            enter(account, side, asked[side].adds[number], open);
            rise(&ladders[side], &states[side], 0);
        }
    for (int side = LONG; side <= SHORT; side++)
        if (asked[side].entering) {
            enter(account, side, asked[side].entering, open);
            rise(&ladders[side], &states[side], 1);
        }
    for (int side = LONG; side <= SHORT; side++)
        if (account->legs[side].quantity && is_asked(&asked[side]))
            states[side].average = average(account->rules, &account->legs[side]);
}

int dual_lifo(const struct rules *rules, const struct bars *bars, const struct ladder *ladders, struct fill *fills,
              int64_t size, struct result *result)
{
    static struct account account;
    static struct asked asked[2];
    struct state states[2] = {0};
    int64_t day = 0;

    begin(&account, rules, fills, size);
    asked[LONG] = asked[SHORT] = (struct asked){0};
    for (int64_t bar = bars->first; bar < bars->count && !account.code; bar++) {
        account.bar = bar;
        if (is_asked(&asked[LONG]) || is_asked(&asked[SHORT]))
            fill(&account, ladders, states, asked, ticks_of(rules, bars->open[bar]));
        settle(&account, bars, bar);
        while (day < bar && bars->open_ns[day + 1] <= bars->open_ns[bar] - DAY_NS)
            day += 1;
        decide(&account, ladders, states, asked, bars, bar, day);
        request(&account, asked, bars->close[bar]);
    }
    return report(&account, result);
}
