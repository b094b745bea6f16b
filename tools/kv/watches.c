/*
 * Who watches what is what channels.c keeps: a key has a list of those to
 * tell, and each of those a table of its keys. The alternative, a version in
 * each key, can't tell of a key that went and came back.
 */
#include "watches.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct watcher {
	UT_hash_handle hh;
	uint64_t id;
	bool changed;
	struct subscriber subscriber;
};

static struct watcher *
find(const struct watches *watches, uint64_t id)
{
	struct watcher *watcher;

	HASH_FIND(hh, watches->watchers, &id, sizeof(id), watcher);
	return watcher;
}

static struct watcher *
find_or_add(struct watches *watches, uint64_t id)
{
	struct watcher *watcher = find(watches, id);

	if (watcher != NULL)
		return watcher;
	watcher = calloc(1, sizeof(*watcher));
	if (watcher == NULL)
		return NULL;
	watcher->id = id;
	HASH_ADD(hh, watches->watchers, id, sizeof(watcher->id), watcher);
	/* uthash says so that it found no memory. */
	if (watcher->hh.tbl == NULL) {
		free(watcher);
		return NULL;
	}
	return watcher;
}

static void
forget(struct watches *watches, struct watcher *watcher)
{
	while (watcher->subscriber.subscriptions[CHANNEL_NAME] != NULL)
		channels_remove(
			&watches->keys,
			watcher->subscriber.subscriptions[CHANNEL_NAME]);
	HASH_DELETE(hh, watches->watchers, watcher);
	free(watcher);
}

int
watches_add(struct watches *watches, uint64_t id, const struct arg *key)
{
	struct watcher *watcher = find_or_add(watches, id);
	int error;

	if (watcher == NULL)
		return -ENOMEM;
	error = channels_add(&watches->keys, CHANNEL_NAME, key,
			     &watcher->subscriber);
	if (subscriber_count(&watcher->subscriber) == 0)
		forget(watches, watcher);
	return error == -EEXIST ? 0 : error;
}

void
watches_touch(struct watches *watches, const struct arg *key)
{
	const struct channel *channel =
		channels_find(&watches->keys, CHANNEL_NAME, key);

	if (channel == NULL)
		return;
	for (struct subscription *at = channel->first; at != NULL;
	     at = at->next) {
		struct watcher *watcher =
			(struct watcher *)((char *)at->subscriber -
					   offsetof(struct watcher,
						    subscriber));

		watcher->changed = true;
	}
}

static void
visit_key(const struct channel *channel, watches_fn visit, void *arg)
{
	struct arg key = {
		.data = channel->name,
		.length = channel->length,
		.hash = channel->hash,
	};

	visit(arg, &key);
}

void
watches_visit(struct watches *watches, uint64_t id, watches_fn visit, void *arg)
{
	const struct watcher *watcher = id != 0 ? find(watches, id) : NULL;
	const struct subscription *at;
	const struct channel *channel;

	if (id == 0) {
		channel = watches->keys.tables[CHANNEL_NAME];
		for (; channel != NULL; channel = channel->hh.next)
			visit_key(channel, visit, arg);
	} else if (watcher != NULL) {
		at = watcher->subscriber.subscriptions[CHANNEL_NAME];
		for (; at != NULL; at = at->hh.next)
			visit_key(at->channel, visit, arg);
	}
}

size_t
watches_count(const struct watches *watches, size_t *ret_keys)
{
	const struct watcher *watcher = watches->watchers;

	*ret_keys = 0;
	for (; watcher != NULL; watcher = watcher->hh.next)
		*ret_keys += subscriber_count(&watcher->subscriber);
	return HASH_COUNT(watches->watchers);
}

bool
watches_end(struct watches *watches, uint64_t id)
{
	struct watcher *watcher = find(watches, id);
	bool changed = watcher != NULL && watcher->changed;

	if (watcher != NULL)
		forget(watches, watcher);
	return changed;
}

void
watches_free(struct watches *watches)
{
	while (watches->watchers != NULL)
		forget(watches, watches->watchers);
}
