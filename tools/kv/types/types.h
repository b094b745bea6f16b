/*
 * The commands on lists, hashes, sets and sorted sets, for the table.
 */
#ifndef KV_TYPES_H
#define KV_TYPES_H

#include <stdint.h>

struct call;

/* How often a count below 0 may choose, so that a reply has an end. */
#define RANDOM_REPEATED_MAX INT64_C(1048576)

/* command_list.c */
void command_lpush(struct call *call);
void command_rpush(struct call *call);
void command_lpushx(struct call *call);
void command_rpushx(struct call *call);
void command_lpop(struct call *call);
void command_rpop(struct call *call);
void command_llen(struct call *call);
void command_lrange(struct call *call);
void command_lindex(struct call *call);
void command_lset(struct call *call);
void command_linsert(struct call *call);
void command_lrem(struct call *call);
void command_ltrim(struct call *call);
void command_lmove(struct call *call);
void command_rpoplpush(struct call *call);
void command_lpos(struct call *call);

/* command_hash.c */
void command_hset(struct call *call);
void command_hmset(struct call *call);
void command_hsetnx(struct call *call);
void command_hget(struct call *call);
void command_hmget(struct call *call);
void command_hgetall(struct call *call);
void command_hkeys(struct call *call);
void command_hvals(struct call *call);
void command_hlen(struct call *call);
void command_hexists(struct call *call);
void command_hstrlen(struct call *call);
void command_hdel(struct call *call);
void command_hincrby(struct call *call);
void command_hincrbyfloat(struct call *call);

/* command_set.c */
void command_sadd(struct call *call);
void command_srem(struct call *call);
void command_scard(struct call *call);
void command_sismember(struct call *call);
void command_smismember(struct call *call);
void command_spop(struct call *call);
void command_smove(struct call *call);

/* command_algebra.c; with one set, SMEMBERS is an intersection */
void command_sinter(struct call *call);
void command_sintercard(struct call *call);
void command_sinterstore(struct call *call);
void command_sunion(struct call *call);
void command_sunionstore(struct call *call);
void command_sdiff(struct call *call);
void command_sdiffstore(struct call *call);

/* command_zset.c */
void command_zadd(struct call *call);
void command_zincrby(struct call *call);
void command_zrem(struct call *call);
void command_zcard(struct call *call);
void command_zscore(struct call *call);
void command_zmscore(struct call *call);
void command_zrank(struct call *call);
void command_zrevrank(struct call *call);
void command_zpopmin(struct call *call);
void command_zpopmax(struct call *call);

/* command_zrange.c */
void command_zrange(struct call *call);
void command_zrevrange(struct call *call);
void command_zrangebyscore(struct call *call);
void command_zrevrangebyscore(struct call *call);
void command_zrangebylex(struct call *call);
void command_zrevrangebylex(struct call *call);
void command_zcount(struct call *call);
void command_zlexcount(struct call *call);
void command_zremrangebyrank(struct call *call);
void command_zremrangebyscore(struct call *call);
void command_zremrangebylex(struct call *call);

/* command_random.c */
void command_srandmember(struct call *call);
void command_hrandfield(struct call *call);
void command_zrandmember(struct call *call);

/* command_elements.c */
void command_sscan(struct call *call);
void command_hscan(struct call *call);
void command_zscan(struct call *call);

#endif
