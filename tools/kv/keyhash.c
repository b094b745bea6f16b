/*
 * SipHash-2-4 is libsodium's crypto_shorthash.
 */
#include "keyhash.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_KEYBYTES == KEYHASH_KEY_BYTES, "key size");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "hash size");

int
keyhash_init(struct keyhash *keyhash)
{
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(keyhash->key, sizeof(keyhash->key));
	return 0;
}

uint64_t
keyhash(const struct keyhash *keyhash, const char *data, size_t length)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, (const unsigned char *)data, length,
			 keyhash->key);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

uint64_t
keyhash_of_key(const struct keyhash *hash, const char *key, size_t length)
{
	uint64_t whole = keyhash(hash, key, length);
	const char *open = length > 0 ? memchr(key, '{', length) : NULL;
	const char *close;

	if (open == NULL)
		return whole;
	open++;
	close = memchr(open, '}', (size_t)(key + length - open));
	if (close == NULL || close == open)
		return whole;
	return (keyhash(hash, open, (size_t)(close - open)) &
		~UINT64_C(0xffffffff)) |
	       keyhash_bucket(whole);
}
