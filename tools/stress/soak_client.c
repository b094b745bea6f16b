#include "soak_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conductor.h"
#include "rng.h"
#include "soak.h"
#include "soak_keys.h"
#include "soak_reply.h"

#define BATCH_MAX   32u
#define STEPS_MAX   (2 * BATCH_MAX + 2)
#define BATCHES_MAX 60u
#define CHANNELS    4u
#define DOUBTS_MAX  256u
/* No write of a connection that was cut is under way for so long. */
#define DOUBT_AGE_NS  GYRE_SECONDS(5)
#define PAUSE_MAX_NS  GYRE_MS(30)
#define LISTEN_MAX_NS GYRE_SECONDS(1)
#define SILENCE_NS    GYRE_SECONDS(60)

enum way {
	LIFE_ASKS,    /* on its keys */
	LIFE_LISTENS, /* to the channels */
	LIFE_ENDS,    /* reads all keys and removes them */
};

enum leave {
	LEAVE_NOT,   /* goes on */
	LEAVE_QUIT,  /* has sent QUIT; the server closes */
	LEAVE_SHUT,  /* has half-closed; the server closes behind the replies */
	LEAVE_CLOSE, /* closes, nothing being under way */
	LEAVE_CUT,   /* has closed with commands under way */
};

/* What a subscriber has last heard of a publisher's connection. */
struct heard {
	uint64_t life;
	uint64_t sequence;
};

struct doubt {
	struct soak_key key;
	int64_t since_ns;
};

struct soak_client {
	struct soak *soak;
	struct soak_tally *tally;
	struct gyre_loop *loop;
	struct gyre_stream *stream;
	unsigned number;
	uint64_t random;
	uint64_t lives;
	enum way life;
	enum leave leave;
	unsigned batches;   /* still to be sent in this life */
	unsigned cut_after; /* so many replies of the last of them; 0: none */
	gyre_timeout timeout;
	struct soak_text text;

	struct soak_key keys[SOAK_KEYS];
	struct soak_step steps[STEPS_MAX];
	unsigned steps_count;
	unsigned steps_done;

	struct doubt doubts[DOUBTS_MAX]; /* oldest first */
	unsigned doubts_count;

	uint64_t published[CHANNELS]; /* in this life */
	struct heard *heard;          /* of one life; see heard_of() */
	unsigned acks_left;           /* of SUBSCRIBE or UNSUBSCRIBE */
};

static void connect_again(void *arg);

static void
count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static _Noreturn void
fail(const struct soak_client *client, const char *law, const char *text)
{
	soak_broken(client->soak, law, "client %u, connection %" PRIu64 ": %s",
		    client->number, client->lives, text);
}

static void
send_text(struct soak_client *client)
{
	if (client->text.length > 0 &&
	    gyre_stream_write(client->stream, client->text.bytes,
			      client->text.length) < 0)
		fail(client, "errors", "nothing can be written");
	soak_text_reset(&client->text);
}

static struct soak_step *
next_step(struct soak_client *client)
{
	if (client->steps_count == STEPS_MAX)
		abort();
	return &client->steps[client->steps_count++];
}

/* -- keys in doubt --------------------------------------------------------- */

/* The connection is cut: what was under way may be done or not. */
static void
doubt_keys(struct soak_client *client)
{
	int64_t now_ns = conductor_now_ns();

	for (unsigned i = 0; i < SOAK_KEYS; i++) {
		struct soak_key *key = &client->keys[i];

		if (key->low == key->high)
			continue;
		client->doubts[client->doubts_count++] =
			(struct doubt){ *key, now_ns };
		count(&client->tally->doubts, 1);
		key->epoch++;
		key->low = key->high = 0;
	}
}

/* How long to wait until the oldest doubt's writes are over; 0: they are. */
static int64_t
doubt_wait_ns(const struct soak_client *client)
{
	int64_t age_ns = conductor_now_ns() - client->doubts[0].since_ns;

	return age_ns < DOUBT_AGE_NS ? DOUBT_AGE_NS - age_ns : 0;
}

static void
ask_of_doubt(struct soak_client *client)
{
	struct doubt *oldest = &client->doubts[0];

	if (client->doubts_count == 0 || doubt_wait_ns(client) > 0)
		return;
	soak_keys_read_doubtful(&oldest->key, &client->text, next_step(client));
	soak_keys_remove(&oldest->key, &client->text, next_step(client));
	memmove(client->doubts, client->doubts + 1,
		--client->doubts_count * sizeof(client->doubts[0]));
}

/* -- asking ---------------------------------------------------------------- */

static void
publish(struct soak_client *client)
{
	unsigned channel = (unsigned)rng_below(&client->random, CHANNELS);
	char name[32];
	char message[64];

	snprintf(name, sizeof(name), "soak:%u", channel);
	snprintf(message, sizeof(message), "%u %" PRIu64 " %" PRIu64,
		 client->number, client->lives, ++client->published[channel]);
	soak_command(&client->text, "PUBLISH", name, message, NULL);
	*next_step(client) = (struct soak_step){ .type = SOAK_STEP_ANY };
	count(&client->tally->published, 1);
}

static void
leave_after(struct soak_client *client)
{
	switch (rng_below(&client->random, 4)) {
	case 0:
		soak_command(&client->text, "QUIT", NULL);
		*next_step(client) = (struct soak_step){ .type = SOAK_STEP_OK };
		client->leave = LEAVE_QUIT;
		break;
	case 1:
		client->leave = LEAVE_SHUT;
		break;
	case 2:
		if (client->doubts_count + SOAK_KEYS <= DOUBTS_MAX) {
			client->cut_after = (unsigned)rng_below(
				&client->random, client->steps_count);
			client->leave = client->cut_after == 0 ? LEAVE_CUT
							       : LEAVE_CLOSE;
			break;
		}
		/* fall through */
	default:
		client->leave = LEAVE_CLOSE;
	}
}

static void
cut(struct soak_client *client)
{
	count(&client->tally->cuts, 1);
	client->leave = LEAVE_CUT;
	/* What was written leaves, and nothing is read. */
	gyre_stream_close(client->stream, true);
}

static void
ask(struct soak_client *client)
{
	unsigned commands = 1 + (unsigned)rng_below(&client->random, BATCH_MAX);

	client->steps_count = 0;
	client->steps_done = 0;
	for (unsigned i = 0; i < commands; i++) {
		if (rng_below(&client->random, 16) == 0)
			publish(client);
		else
			soak_keys_ask(client->keys, &client->random,
				      &client->text, next_step(client));
	}
	/* What a cut would undo would never be removed. */
	if (--client->batches > 0)
		ask_of_doubt(client);
	else
		leave_after(client);
	count(&client->tally->commands, client->steps_count);
	send_text(client);
	if (client->leave == LEAVE_SHUT)
		gyre_stream_shutdown(client->stream);
	else if (client->leave == LEAVE_CUT)
		cut(client);
}

/* Look at what is in doubt, and then at all keys, and remove them. */
static void
ask_last(struct soak_client *client)
{
	client->steps_count = 0;
	client->steps_done = 0;
	if (client->doubts_count > 0) {
		ask_of_doubt(client);
	} else {
		for (unsigned i = 0; i < SOAK_KEYS; i++)
			soak_keys_read(&client->keys[i], &client->text,
				       next_step(client));
		for (unsigned i = 0; i < SOAK_KEYS; i++)
			soak_keys_remove(&client->keys[i], &client->text,
					 next_step(client));
		client->leave = LEAVE_CLOSE;
	}
	count(&client->tally->commands, client->steps_count);
	send_text(client);
}

static void
ask_now(void *arg)
{
	struct soak_client *client = arg;

	client->timeout = 0;
	if (client->life == LIFE_ENDS)
		ask_last(client);
	else
		ask(client);
}

/* Send the next batch, at once or after a pause. */
static void
ask_next(struct soak_client *client)
{
	int64_t pause_ns = 0;

	if (client->life == LIFE_ENDS && client->doubts_count > 0)
		pause_ns = doubt_wait_ns(client);
	else if (client->life == LIFE_ASKS &&
		 rng_below(&client->random, 8) == 0)
		pause_ns = (int64_t)rng_below(&client->random, PAUSE_MAX_NS);
	if (pause_ns == 0)
		ask_now(client);
	else if (gyre_loop_call_later(client->loop, pause_ns, ask_now, client,
				      &client->timeout) < 0)
		fail(client, "errors", "no timeout");
}

/* All replies have come. */
static void
end_batch(struct soak_client *client)
{
	if (client->leave == LEAVE_CLOSE)
		gyre_stream_close(client->stream, false);
	else if (client->leave == LEAVE_NOT)
		ask_next(client);
}

static void
check(struct soak_client *client, const struct soak_reply *reply)
{
	const struct soak_step *step;
	const char *wrong;
	char detail[256];

	if (client->steps_done == client->steps_count)
		fail(client, "one reply to a command", "one too many");
	step = &client->steps[client->steps_done++];
	wrong = soak_keys_check(client->keys, step, reply, detail,
				sizeof(detail));
	if (wrong != NULL)
		fail(client, wrong, detail);
	if (client->steps_done == client->cut_after)
		cut(client);
	else if (client->steps_done == client->steps_count)
		end_batch(client);
}

/* -- listening ------------------------------------------------------------- */

static void
stop_listening(void *arg)
{
	struct soak_client *client = arg;

	client->timeout = 0;
	if (rng_below(&client->random, 2) == 0) {
		cut(client);
		return;
	}
	client->acks_left += CHANNELS;
	client->leave = LEAVE_CLOSE;
	soak_command(&client->text, "UNSUBSCRIBE", NULL);
	send_text(client);
}

static void
listen_in(struct soak_client *client)
{
	int64_t delay_ns = (int64_t)rng_below(&client->random, LISTEN_MAX_NS);

	memset(client->heard, 0,
	       2 * CHANNELS * client->soak->options->clients *
		       sizeof(client->heard[0]));
	client->acks_left = CHANNELS;
	soak_command(&client->text, "SUBSCRIBE", "soak:0", "soak:1", "soak:2",
		     "soak:3", NULL);
	send_text(client);
	if (gyre_loop_call_later(client->loop, delay_ns, stop_listening, client,
				 &client->timeout) < 0)
		fail(client, "errors", "no timeout");
}

static bool
item_is(const struct soak_item *item, const char *text)
{
	return item->type == '$' && item->length == strlen(text) &&
	       memcmp(item->text, text, item->length) == 0;
}

/*
 * By channel and publisher, and then by its connection: of one that was cut
 * messages may come after the first ones of the next, but not of the one after
 * that.
 */
static struct heard *
heard_of(const struct soak_client *client, unsigned channel, unsigned from,
	 uint64_t life)
{
	unsigned publisher = channel * client->soak->options->clients + from;

	return &client->heard[2 * publisher + life % 2];
}

static void
hear(struct soak_client *client, const struct soak_item *channel,
     const struct soak_item *message)
{
	char text[128] = "";
	unsigned number = UINT32_MAX;
	unsigned from = UINT32_MAX;
	struct heard now;
	struct heard *last;

	snprintf(text, sizeof(text), "%.*s", (int)message->length,
		 message->text);
	if (channel->length != 6 ||
	    sscanf(channel->text, "soak:%1u", &number) != 1 ||
	    sscanf(text, "%u %" SCNu64 " %" SCNu64, &from, &now.life,
		   &now.sequence) != 3 ||
	    number >= CHANNELS || from >= client->soak->options->clients)
		fail(client, "messages as they were published", text);
	last = heard_of(client, number, from, now.life);
	if (now.life < last->life ||
	    (now.life == last->life && now.sequence != last->sequence + 1)) {
		snprintf(text, sizeof(text),
			 "%u, of its connection %" PRIu64 ": %" PRIu64
			 " after %" PRIu64 " of %" PRIu64,
			 from, now.life, now.sequence, last->sequence,
			 last->life);
		fail(client, "each message once, in order", text);
	}
	*last = now;
	count(&client->tally->received, 1);
}

static void
check_pushed(struct soak_client *client, const struct soak_reply *reply)
{
	const struct soak_item *items = reply->items;

	if (reply->head.type != '*' || reply->head.number != 3)
		fail(client, "subscribers get messages", "something else");
	if (item_is(&items[0], "message")) {
		hear(client, &items[1], &items[2]);
		return;
	}
	if (client->acks_left == 0 || (!item_is(&items[0], "subscribe") &&
				       !item_is(&items[0], "unsubscribe")))
		fail(client, "subscribers get messages", "something else");
	client->acks_left--;
	if (client->acks_left == 0 && client->leave == LEAVE_CLOSE)
		gyre_stream_close(client->stream, false);
}

/* -- the connection -------------------------------------------------------- */

static size_t
on_read(struct gyre_stream *stream, const void *data, size_t length, void *arg)
{
	struct soak_client *client = arg;
	size_t used = 0;

	(void)stream;
	while (client->leave != LEAVE_CUT) {
		struct soak_reply reply;
		size_t more = soak_reply_read((const char *)data + used,
					      length - used, &reply);

		if (more == SOAK_BROKEN)
			fail(client, "replies as the protocol has them",
			     "a reply that is none");
		if (more == 0)
			return used;
		used += more;
		if (client->life == LIFE_LISTENS)
			check_pushed(client, &reply);
		else
			check(client, &reply);
	}
	return length;
}

static void
begin(struct gyre_stream *stream, void *arg)
{
	struct soak_client *client = arg;

	(void)stream;
	count(&client->tally->connections, 1);
	if (client->life == LIFE_LISTENS)
		listen_in(client);
	else
		ask_next(client);
}

static bool
has_all_replies(const struct soak_client *client)
{
	return client->life == LIFE_LISTENS
		       ? client->acks_left == 0
		       : client->steps_done == client->steps_count;
}

static void
on_close(struct gyre_stream *stream, int error, void *arg)
{
	struct soak_client *client = arg;
	int64_t pause_ns = (int64_t)rng_below(&client->random, PAUSE_MAX_NS);

	(void)stream;
	client->stream = NULL;
	gyre_loop_remove_timeout(client->loop, client->timeout);
	client->timeout = 0;
	if (error == -ESHUTDOWN)
		return;
	if (client->leave == LEAVE_CUT) {
		doubt_keys(client);
	} else {
		if (error < 0)
			fail(client, "connections live", strerror(-error));
		if (client->leave == LEAVE_NOT)
			fail(client, "connections live", "the server closed");
		if (!has_all_replies(client))
			fail(client, "one reply to a command", "some missing");
	}
	if (client->life == LIFE_ENDS)
		atomic_fetch_sub(&client->soak->clients, 1);
	else if (gyre_loop_call_later(client->loop, pause_ns, connect_again,
				      client, NULL) < 0)
		fail(client, "errors", "no timeout");
}

static void
connect_again(void *arg)
{
	static const struct gyre_stream_ops ops = {
		.on_connect = begin,
		.on_read = on_read,
		.on_close = on_close,
	};
	struct soak_client *client = arg;
	const struct gyre_connect_options options = {
		.host = client->soak->options->kv_host,
		.service = client->soak->options->kv_port,
		.stream = { .no_delay = true, .idle_ns = SILENCE_NS },
	};
	int status;

	client->lives++;
	client->leave = LEAVE_NOT;
	client->cut_after = 0;
	client->steps_count = 0;
	client->steps_done = 0;
	client->acks_left = 0;
	memset(client->published, 0, sizeof(client->published));
	client->batches = 1 + (unsigned)rng_below(&client->random, BATCHES_MAX);
	client->life = LIFE_ASKS;
	if (rng_below(&client->random, 6) == 0)
		client->life = LIFE_LISTENS;
	if (atomic_load(&client->soak->is_ending))
		client->life = LIFE_ENDS;
	status = gyre_stream_connect(client->loop, &options, &ops, client,
				     &client->stream);
	if (status < 0)
		fail(client, "errors", strerror(-status));
}

/* -- public ---------------------------------------------------------------- */

struct soak_client *
soak_client_new(struct soak *soak, unsigned number, struct soak_tally *tally)
{
	struct soak_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->soak = soak;
	client->tally = tally;
	client->loop = gyre_loop_current(false);
	client->number = number;
	client->random = rng_mix(soak->options->seed + number);
	client->heard = calloc((size_t)2 * CHANNELS * soak->options->clients,
			       sizeof(client->heard[0]));
	for (unsigned i = 0; i < SOAK_KEYS; i++)
		client->keys[i] =
			(struct soak_key){ .client = number, .slot = i };
	if (client->heard == NULL ||
	    gyre_loop_call_later(client->loop, 0, connect_again, client, NULL) <
		    0) {
		soak_client_free(client);
		return NULL;
	}
	return client;
}

void
soak_client_free(struct soak_client *client)
{
	if (client == NULL)
		return;
	free(client->text.bytes);
	free(client->heard);
	free(client);
}
