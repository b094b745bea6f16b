/*
 * What a producer's message makes its receiver do, decided by the message's
 * number alone: so loops send, call, sleep and arm only when asked from
 * outside, and nothing periodic wakes a loop that somebody forgot to wake.
 */
#ifndef STRESS_ORDER_H
#define STRESS_ORDER_H

#include <stdint.h>

#include "path.h"

struct life;
struct options;
struct place;

void order_follow(struct place *place, uint64_t order);

/* The path of a message that carries an order: callbacks and tasks by turns,
 * or tasks where neither is in the mix. */
enum path order_path(const struct options *options, uint64_t order);

/* Sleep where it hurts most: with the processor taken away. */
void order_pause(uint64_t order, uint64_t longest_us);

#endif
