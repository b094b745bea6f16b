/*
 * Where the shards would run, as text.
 */
#ifndef KV_PLAN_H
#define KV_PLAN_H

#include <stdio.h>

#include <gyre/plan.h>

void plan_print(const struct gyre_plan *plan, FILE *file);

#endif
