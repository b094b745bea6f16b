/*
 * uthash as we want it, for tables that keep an order and stay small.
 * Keys of the store are in a keytable.
 */
#ifndef KV_TABLE_H
#define KV_TABLE_H

/* Out of memory while a key is added leaves the table as it was. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * uthash lets a bucket hold ten keys before it doubles the table, which makes
 * three keys a bucket, each a cache miss for who looks for the next. With
 * seven it is about one, as in Redis, for 10 to 35 bytes of buckets a key.
 */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 7U

#endif
