#include "soak_keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gyre/base.h>

#include "conductor.h"
#include "rng.h"

#define NAME_MAX_BYTES  48u
#define VALUE_MAX_BYTES 40000u
#define APPEND_MAX      300u
#define TEXT_SPAN       32768u /* a text is removed before it is as long */
#define TTL_MIN_MS      1500u
#define TTL_SPAN_MS     3000u
/* A loop reads its clock once an iteration, and may wait for a CPU. */
#define CLOCK_SLACK_NS GYRE_SECONDS(1)

void
soak_text_add(struct soak_text *text, const void *bytes, size_t length)
{
	if (text->length + length > text->capacity) {
		text->capacity = (text->length + length) * 2;
		text->bytes = realloc(text->bytes, text->capacity);
		if (text->bytes == NULL)
			abort();
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void
soak_text_reset(struct soak_text *text)
{
	text->length = 0;
}

static void
add_header(struct soak_text *text, char type, size_t number)
{
	char line[32];
	int length = snprintf(line, sizeof(line), "%c%zu\r\n", type, number);

	soak_text_add(text, line, (size_t)length);
}

static void
add_word(struct soak_text *text, const char *word, size_t length)
{
	add_header(text, '$', length);
	soak_text_add(text, word, length);
	soak_text_add(text, "\r\n", 2);
}

void
soak_command(struct soak_text *text, ...)
{
	va_list words;
	const char *word;
	size_t count = 0;

	va_start(words, text);
	while (va_arg(words, const char *) != NULL)
		count++;
	va_end(words);
	add_header(text, '*', count);
	va_start(words, text);
	while ((word = va_arg(words, const char *)) != NULL)
		add_word(text, word, strlen(word));
	va_end(words);
}

/* -- names and values ------------------------------------------------------ */

static enum soak_kind
kind_of(const struct soak_key *key)
{
	return (enum soak_kind)(key->slot % SOAK_KINDS);
}

static const char *
name_of(const struct soak_key *key, char *name)
{
	snprintf(name, NAME_MAX_BYTES, "soak:%u:%u:%u", key->client, key->slot,
		 key->epoch);
	return name;
}

static uint64_t
digest(const struct soak_key *key, uint64_t version)
{
	return rng_mix(rng_mix(((uint64_t)key->client << 40) ^
			       ((uint64_t)key->epoch << 8) ^ key->slot) +
		       version);
}

/* Some versions of a value are its absence. */
static bool
is_absent(const struct soak_key *key, uint64_t version)
{
	switch (kind_of(key)) {
	case SOAK_VALUE:
		return version == 0 || digest(key, version) % 8 == 0;
	case SOAK_TEXT:
		return version % TEXT_SPAN == 0;
	default:
		return version == 0;
	}
}

/* Most values are small; some are not. */
static size_t
padding_of(uint64_t digest)
{
	uint64_t size = digest >> 32;

	return (digest >> 8) % 64 == 0 ? size % 20000 : size % 200;
}

/* Make a version's value; its length. */
static size_t
value_of(const struct soak_key *key, uint64_t version, char *value)
{
	char name[NAME_MAX_BYTES];
	uint64_t number = digest(key, version);
	size_t length;

	switch (kind_of(key)) {
	case SOAK_COUNTER:
		return (size_t)snprintf(value, NAME_MAX_BYTES, "%" PRIu64,
					version);
	case SOAK_TEXT:
		length = (size_t)(version % TEXT_SPAN);
		for (size_t i = 0; i < length; i++)
			value[i] = (char)('a' + (version - length + i * 7 +
						 key->epoch) %
							26);
		return length;
	default:
		length = (size_t)snprintf(value, 2 * NAME_MAX_BYTES,
					  "%" PRIu64 " %s ", version,
					  name_of(key, name));
		memset(value + length, (char)('a' + number % 26),
		       padding_of(number));
		return length + padding_of(number);
	}
}

/* Which version a value is, if it is one. */
static uint64_t
version_of(const struct soak_key *key, const struct soak_item *item)
{
	if (item->type != '$')
		return 0;
	if (kind_of(key) == SOAK_TEXT) {
		uint64_t version =
			key->low - key->low % TEXT_SPAN + item->length;

		return version >= key->low ? version
					   : key->high - key->high % TEXT_SPAN +
						     item->length;
	}
	return strtoull(item->text, NULL, 10);
}

static void
add_name(struct soak_text *text, const struct soak_key *key)
{
	char name[NAME_MAX_BYTES];

	name_of(key, name);
	add_word(text, name, strlen(name));
}

/* -- asking ---------------------------------------------------------------- */

static struct soak_step
step_of(enum soak_step_type type, const struct soak_key *key)
{
	return (struct soak_step){
		.type = type,
		.count = 1,
		.slots = { key->slot },
		.versions = { key->high },
		.sent_ns = conductor_now_ns(),
	};
}

void
soak_keys_read(const struct soak_key *key, struct soak_text *text,
	       struct soak_step *ret_step)
{
	char name[NAME_MAX_BYTES];

	soak_command(text, "GET", name_of(key, name), NULL);
	*ret_step = step_of(SOAK_STEP_VALUES, key);
}

void
soak_keys_read_doubtful(const struct soak_key *key, struct soak_text *text,
			struct soak_step *ret_step)
{
	soak_keys_read(key, text, ret_step);
	ret_step->type = SOAK_STEP_DOUBTFUL;
	ret_step->doubtful = *key;
}

void
soak_keys_remove(const struct soak_key *key, struct soak_text *text,
		 struct soak_step *ret_step)
{
	char name[NAME_MAX_BYTES];

	soak_command(text, "DEL", name_of(key, name), NULL);
	*ret_step = step_of(SOAK_STEP_ANY, key);
}

/* A new version of a value that can be absent. */
static void
write_value(struct soak_key *key, struct soak_text *text,
	    struct soak_step *ret_step)
{
	static _Thread_local char value[VALUE_MAX_BYTES];
	bool existed = !is_absent(key, key->high);

	key->high++;
	if (is_absent(key, key->high)) {
		soak_keys_remove(key, text, ret_step);
		ret_step->type = SOAK_STEP_NUMBER;
		ret_step->number = existed;
	} else {
		add_header(text, '*', 3);
		add_word(text, "SET", 3);
		add_name(text, key);
		add_word(text, value, value_of(key, key->high, value));
		*ret_step = step_of(SOAK_STEP_OK, key);
	}
	ret_step->is_write = true;
}

/* All values at once; they may be on any shards. */
static void
write_several(struct soak_key keys[SOAK_KEYS], struct soak_text *text,
	      struct soak_step *ret_step)
{
	static _Thread_local char value[VALUE_MAX_BYTES];

	*ret_step = step_of(SOAK_STEP_OK, &keys[SOAK_VALUE]);
	ret_step->count = SOAK_MULTIPLE;
	ret_step->is_write = true;
	add_header(text, '*', 1 + 2 * SOAK_MULTIPLE);
	add_word(text, "MSET", 4);
	for (unsigned i = 0; i < SOAK_MULTIPLE; i++) {
		struct soak_key *key = &keys[SOAK_VALUE + i * SOAK_KINDS];

		do {
			key->high++;
		} while (is_absent(key, key->high));
		ret_step->slots[i] = key->slot;
		ret_step->versions[i] = key->high;
		add_name(text, key);
		add_word(text, value, value_of(key, key->high, value));
	}
}

static void
write_counter(struct soak_key *key, uint64_t random, struct soak_text *text,
	      struct soak_step *ret_step)
{
	char name[NAME_MAX_BYTES];
	char by[24];

	snprintf(by, sizeof(by), "%" PRIu64, 1 + random % 1000);
	key->high += 1 + random % 1000;
	soak_command(text, "INCRBY", name_of(key, name), by, NULL);
	*ret_step = step_of(SOAK_STEP_NUMBER, key);
	ret_step->number = key->high;
	ret_step->is_write = true;
}

static void
write_text(struct soak_key *key, uint64_t random, struct soak_text *text,
	   struct soak_step *ret_step)
{
	static _Thread_local char value[VALUE_MAX_BYTES];
	size_t before = (size_t)(key->high % TEXT_SPAN);
	size_t more = 1 + (size_t)(random % APPEND_MAX);

	if (before + more >= TEXT_SPAN) {
		key->high += TEXT_SPAN - before;
		soak_keys_remove(key, text, ret_step);
		ret_step->type = SOAK_STEP_NUMBER;
		ret_step->number = 1;
	} else {
		key->high += more;
		value_of(key, key->high, value);
		add_header(text, '*', 3);
		add_word(text, "APPEND", 6);
		add_name(text, key);
		add_word(text, value + before, more);
		*ret_step = step_of(SOAK_STEP_NUMBER, key);
		ret_step->number = before + more;
	}
	ret_step->is_write = true;
}

static void
write_expiring(struct soak_key *key, uint64_t random, struct soak_text *text,
	       struct soak_step *ret_step)
{
	static _Thread_local char value[VALUE_MAX_BYTES];
	char ttl[24];
	unsigned ttl_ms = TTL_MIN_MS + (unsigned)(random % TTL_SPAN_MS);

	key->high++;
	add_header(text, '*', 5);
	add_word(text, "SET", 3);
	add_name(text, key);
	add_word(text, value, value_of(key, key->high, value));
	add_word(text, "PX", 2);
	snprintf(ttl, sizeof(ttl), "%u", ttl_ms);
	add_word(text, ttl, strlen(ttl));
	*ret_step = step_of(SOAK_STEP_OK, key);
	ret_step->is_write = true;
	key->set_sent_ns = ret_step->sent_ns;
	key->set_done_ns = 0;
	key->ttl_ns = GYRE_MS((int64_t)ttl_ms);
}

static void
read_several(struct soak_key keys[SOAK_KEYS], uint64_t random,
	     struct soak_text *text, struct soak_step *ret_step)
{
	*ret_step = (struct soak_step){
		.type = SOAK_STEP_VALUES,
		.is_array = true,
		.count = SOAK_MULTIPLE,
		.sent_ns = conductor_now_ns(),
	};
	add_header(text, '*', SOAK_MULTIPLE + 1);
	add_word(text, "MGET", 4);
	for (unsigned i = 0; i < SOAK_MULTIPLE; i++) {
		const struct soak_key *key =
			&keys[(random >> (8 * i)) % SOAK_KEYS];

		ret_step->slots[i] = key->slot;
		ret_step->versions[i] = key->high;
		add_name(text, key);
	}
}

void
soak_keys_ask(struct soak_key keys[SOAK_KEYS], uint64_t *random,
	      struct soak_text *text, struct soak_step *ret_step)
{
	uint64_t choice = rng_next(random);
	struct soak_key *key = &keys[(choice >> 8) % SOAK_KEYS];

	choice = choice % 100;
	if (choice < 40) {
		soak_keys_read(key, text, ret_step);
	} else if (choice < 48) {
		read_several(keys, rng_next(random), text, ret_step);
	} else if (choice < 52) {
		write_several(keys, text, ret_step);
	} else if (choice < 54) {
		soak_command(text, "PING", NULL);
		*ret_step = step_of(SOAK_STEP_PONG, key);
	} else {
		switch (kind_of(key)) {
		case SOAK_COUNTER:
			write_counter(key, rng_next(random), text, ret_step);
			break;
		case SOAK_TEXT:
			write_text(key, rng_next(random), text, ret_step);
			break;
		case SOAK_EXPIRING:
			write_expiring(key, rng_next(random), text, ret_step);
			break;
		default:
			write_value(key, text, ret_step);
		}
	}
}

/* -- checking -------------------------------------------------------------- */

/* Whether it is what the version is, byte for byte. */
static bool
is_version(const struct soak_key *key, uint64_t version,
	   const struct soak_item *item)
{
	static _Thread_local char value[VALUE_MAX_BYTES];
	size_t length;

	if (is_absent(key, version))
		return item->type == '_';
	if (item->type != '$')
		return false;
	length = value_of(key, version, value);
	return item->length == length && memcmp(item->text, value, length) == 0;
}

/* What its time says of a key that expires, when it was read in between. */
static const char *
check_time(const struct soak_key *key, int64_t sent_ns, int64_t now_ns,
	   bool is_there)
{
	int64_t soonest = key->set_sent_ns + key->ttl_ns - CLOCK_SLACK_NS;
	int64_t latest = key->set_done_ns + key->ttl_ns + CLOCK_SLACK_NS;

	if (!is_there && now_ns < soonest)
		return "lost before its time";
	if (is_there && key->set_done_ns != 0 && sent_ns > latest)
		return "stale: its time was over";
	return NULL;
}

static const char *
check_value(const struct soak_key *key, const struct soak_step *step,
	    uint64_t version, const struct soak_item *item)
{
	if (kind_of(key) == SOAK_EXPIRING && version > 0) {
		/* A later SET of the same batch says nothing of this one. */
		const char *wrong =
			version != key->high || step->sent_ns < key->set_sent_ns
				? NULL
				: check_time(key, step->sent_ns,
					     conductor_now_ns(),
					     item->type == '$');

		if (wrong != NULL || item->type == '_')
			return wrong;
	}
	if (is_version(key, version, item))
		return NULL;
	if (item->type == '_')
		return "lost";
	if (item->type == '$' && version_of(key, item) < version &&
	    is_version(key, version_of(key, item), item))
		return "stale";
	return "not what was written";
}

static const char *
check_doubtful(const struct soak_key *key, const struct soak_item *item)
{
	uint64_t version = version_of(key, item);

	if (item->type == '_') {
		if (kind_of(key) == SOAK_EXPIRING)
			return NULL;
		for (version = key->low; version <= key->high; version++)
			if (is_absent(key, version))
				return NULL;
		return "lost";
	}
	if (version < key->low)
		return "stale";
	return version <= key->high && is_version(key, version, item)
		       ? NULL
		       : "not what was written";
}

static void
acknowledge(struct soak_key keys[SOAK_KEYS], const struct soak_step *step)
{
	for (unsigned i = 0; i < step->count; i++) {
		struct soak_key *key = &keys[step->slots[i]];

		key->low = step->versions[i];
		if (kind_of(key) == SOAK_EXPIRING && key->low == key->high)
			key->set_done_ns = conductor_now_ns();
	}
}

static const char *
check_values(struct soak_key keys[SOAK_KEYS], const struct soak_step *step,
	     const struct soak_reply *reply, unsigned *ret_at)
{
	if (!step->is_array)
		return check_value(&keys[step->slots[0]], step,
				   step->versions[0], &reply->head);
	if (reply->head.type != '*' || reply->head.number != step->count)
		return "no array of as many values";
	for (; *ret_at < step->count; (*ret_at)++) {
		const char *wrong = check_value(&keys[step->slots[*ret_at]],
						step, step->versions[*ret_at],
						&reply->items[*ret_at]);

		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

static bool
is_status(const struct soak_item *item, const char *text)
{
	return item->type == '+' && item->length == strlen(text) &&
	       memcmp(item->text, text, item->length) == 0;
}

static const char *
check_step(struct soak_key keys[SOAK_KEYS], const struct soak_step *step,
	   const struct soak_reply *reply, unsigned *ret_at)
{
	const struct soak_item *head = &reply->head;

	switch (step->type) {
	case SOAK_STEP_OK:
		return is_status(head, "OK") ? NULL : "not done";
	case SOAK_STEP_PONG:
		return is_status(head, "PONG") ? NULL : "no PONG";
	case SOAK_STEP_NUMBER:
		return head->type == ':' &&
				       head->number == (int64_t)step->number
			       ? NULL
			       : "another number";
	case SOAK_STEP_ANY:
		return head->type == ':' ? NULL : "no number";
	case SOAK_STEP_DOUBTFUL:
		return check_doubtful(&step->doubtful, head);
	default:
		return check_values(keys, step, reply, ret_at);
	}
}

static void
describe(const struct soak_key keys[SOAK_KEYS], const struct soak_step *step,
	 const struct soak_reply *reply, unsigned at, char *detail, size_t size)
{
	const struct soak_item *item = step->is_array && reply->head.type == '*'
					       ? &reply->items[at]
					       : &reply->head;
	const struct soak_key *key = step->type == SOAK_STEP_DOUBTFUL
					     ? &step->doubtful
					     : &keys[step->slots[at]];
	char name[NAME_MAX_BYTES];
	bool has_text =
		item->type == '$' || item->type == '+' || item->type == '-';

	snprintf(detail, size,
		 "%s: at version %" PRIu64 ", from %" PRIu64 " to %" PRIu64
		 " under way, expected %" PRIu64 ", got %c %" PRId64
		 " %.*s (%zu bytes)",
		 name_of(key, name), step->versions[at], key->low, key->high,
		 step->number, item->type, item->number,
		 has_text && item->length < 60 ? (int)item->length : 0,
		 has_text ? item->text : "", has_text ? item->length : 0);
}

const char *
soak_keys_check(struct soak_key keys[SOAK_KEYS], const struct soak_step *step,
		const struct soak_reply *reply, char *detail,
		size_t detail_size)
{
	unsigned at = 0;
	const char *wrong = check_step(keys, step, reply, &at);

	if (wrong != NULL)
		describe(keys, step, reply, at, detail, detail_size);
	else if (step->is_write)
		acknowledge(keys, step);
	return wrong;
}
