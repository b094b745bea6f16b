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
