#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define SESSIONS_MAX 64

struct session {
	char *key; /* NULL: none */
	unsigned char *bytes;
	int length;
};

struct sessions {
	struct session items[SESSIONS_MAX];
	unsigned next; /* to be replaced */
};

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	int length = i2d_SSL_SESSION(session, NULL);
	unsigned char *bytes = length > 0 ? malloc((size_t)length) : NULL;
	unsigned char *end = bytes;

	if (bytes == NULL)
		return 0;
	(void)i2d_SSL_SESSION(session, &end);
	stream_keep_session(ssl, bytes, length);
	return 0; /* it stays OpenSSL's */
}

void
sessions_watch(SSL_CTX *context)
{
	SSL_CTX_set_session_cache_mode(
		context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
}

static struct session *
find(const struct sessions *sessions, const char *key)
{
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *item = &sessions->items[i];

		if (item->key != NULL && strcmp(item->key, key) == 0)
			return (struct session *)item;
	}
	return NULL;
}

void
sessions_put(struct sessions **sessions, const char *key, unsigned char *bytes,
	     int length)
{
	struct session *item;
	char *copy = NULL;

	if (*sessions == NULL)
		*sessions = calloc(1, sizeof(**sessions));
	if (*sessions == NULL) {
		free(bytes);
		return;
	}
	item = find(*sessions, key);
	if (item == NULL) {
		copy = strdup(key);
		if (copy == NULL) {
			free(bytes);
			return;
		}
		item = &(*sessions)->items[(*sessions)->next++ % SESSIONS_MAX];
		free(item->key);
		item->key = copy;
	}
	free(item->bytes);
	item->bytes = bytes;
	item->length = length;
}

SSL_SESSION *
sessions_get(const struct sessions *sessions, const char *key)
{
	const struct session *item =
		sessions != NULL ? find(sessions, key) : NULL;
	const unsigned char *at = item != NULL ? item->bytes : NULL;

	return at != NULL ? d2i_SSL_SESSION(NULL, &at, item->length) : NULL;
}

void
sessions_free(struct sessions *sessions)
{
	if (sessions == NULL)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		free(sessions->items[i].key);
		free(sessions->items[i].bytes);
	}
	free(sessions);
}
