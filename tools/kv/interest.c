/*
 * Each message comes in one crossing a shard, whatever its subscriptions; if
 * both that of the subject and that of all subjects bring it, pubsub_deliver()
 * does it once.
 */
#include "interest.h"

#include <stdio.h>

#include <gyre/gyre.h>

#include "keyhash.h"
#include "publication.h"
#include "server.h"

#define SUBJECT_ALL      INTEREST_SUBJECTS
#define SUBJECT_TEXT_MAX 32

static unsigned
find_subject(enum channel_kind kind, uint64_t hash)
{
	return kind == CHANNEL_PATTERN ? SUBJECT_ALL
				       : keyhash_shard(hash, INTEREST_SUBJECTS);
}

static void
write_subject(char *text, unsigned subject)
{
	if (subject == SUBJECT_ALL)
		snprintf(text, SUBJECT_TEXT_MAX, "kv.channel.*");
	else
		snprintf(text, SUBJECT_TEXT_MAX, "kv.channel.%u", subject);
}

static void
on_message(const struct gyre_delivery *delivery, void *arg)
{
	pubsub_deliver(arg, delivery->message->data);
}

int
interest_add(struct shard *shard, enum channel_kind kind, uint64_t hash)
{
	struct interest *interest = &shard->pubsub.interest;
	unsigned subject = find_subject(kind, hash);
	char text[SUBJECT_TEXT_MAX];
	const struct gyre_subscribe_options options = {
		.pattern = text,
		.fn = on_message,
		.arg = shard,
		.policy = GYRE_TOPIC_QUEUE,
	};
	int error;

	write_subject(text, subject);
	if (interest->channels[subject] == 0 && !interest->closed) {
		error = gyre_bus_subscribe(shard->server->bus, &options,
					   &interest->subscriptions[subject]);
		if (error < 0)
			return error;
	}
	interest->channels[subject]++;
	return 0;
}

static void
unsubscribe(struct interest *interest, unsigned subject)
{
	gyre_bus_unsubscribe(interest->subscriptions[subject]);
	interest->subscriptions[subject] = NULL;
}

void
interest_remove(struct shard *shard, enum channel_kind kind, uint64_t hash)
{
	struct interest *interest = &shard->pubsub.interest;
	unsigned subject = find_subject(kind, hash);

	if (--interest->channels[subject] == 0)
		unsubscribe(interest, subject);
}

void
interest_close(struct shard *shard)
{
	struct interest *interest = &shard->pubsub.interest;

	interest->closed = true;
	for (unsigned i = 0; i <= SUBJECT_ALL; i++)
		unsubscribe(interest, i);
}

int
interest_publish(struct publication *publication,
		 void (*release)(void *publication))
{
	const struct gyre_message message = {
		.data = publication,
		.size = publication_size(publication),
		.release = release,
	};
	char text[SUBJECT_TEXT_MAX];

	write_subject(text,
		      find_subject(CHANNEL_NAME, publication->channel.hash));
	return gyre_bus_publish(publication->server->bus, text, message);
}
