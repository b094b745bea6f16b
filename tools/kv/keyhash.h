/*
 * The keyed hash that gives a key its shard and its bucket.
 *
 * SipHash with a key drawn at start: who may choose keys can't choose where
 * they go. The upper half says which shard, the lower half which bucket, so
 * that one shard's keys still spread over all of its buckets.
 */
#ifndef KV_KEYHASH_H
#define KV_KEYHASH_H

#include <stddef.h>
#include <stdint.h>

#define KEYHASH_KEY_BYTES 16

struct keyhash {
	unsigned char key[KEYHASH_KEY_BYTES];
};

/* Draw a key. 0 or -EIO: no random numbers. */
int keyhash_init(struct keyhash *keyhash);

uint64_t keyhash(const struct keyhash *keyhash, const char *data,
		 size_t length);

/*
 * The hash of a key of the store. Its upper half is that of what is between
 * the first { and the } behind it, if that is anything: keys with the same tag
 * share a shard.
 */
uint64_t keyhash_of_key(const struct keyhash *keyhash, const char *key,
			size_t length);

static inline unsigned
keyhash_shard(uint64_t hash, unsigned shards)
{
	return (unsigned)(((hash >> 32) * shards) >> 32);
}

static inline unsigned
keyhash_bucket(uint64_t hash)
{
	return (unsigned)(hash & 0xffffffffu);
}

#endif
