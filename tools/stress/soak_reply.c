#include "soak_reply.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_LENGTH_MAX 20u

/* A line without its end; its length with it, or 0. */
static size_t
read_line(const char *data, size_t length, struct soak_item *ret_item)
{
	const char *end = memchr(data, '\r', length);

	if (end == NULL || (size_t)(end - data) + 2 > length)
		return 0;
	ret_item->type = data[0];
	ret_item->text = data + 1;
	ret_item->length = (size_t)(end - data) - 1;
	ret_item->number = 0;
	return ret_item->length + 3;
}

static int
read_number(struct soak_item *item)
{
	char text[NUMBER_LENGTH_MAX + 1];
	char *end;

	if (item->length == 0 || item->length > NUMBER_LENGTH_MAX)
		return -1;
	memcpy(text, item->text, item->length);
	text[item->length] = '\0';
	item->number = strtoll(text, &end, 10);
	return *end == '\0' ? 0 : -1;
}

static size_t
read_bulk(const char *data, size_t length, size_t used, struct soak_item *item)
{
	size_t size;

	if (item->number == -1) {
		item->type = '_';
		return used;
	}
	if (item->number < 0)
		return SOAK_BROKEN;
	size = (size_t)item->number;
	if (length - used < size + 2)
		return 0;
	item->text = data + used;
	item->length = size;
	return used + size + 2;
}

/* All but what is in an array. */
static size_t
read_item(const char *data, size_t length, struct soak_item *ret_item)
{
	size_t used = length > 0 ? read_line(data, length, ret_item) : 0;

	if (used == 0)
		return 0;
	switch (ret_item->type) {
	case '+':
	case '-':
		return used;
	case ':':
	case '*':
		return read_number(ret_item) == 0 ? used : SOAK_BROKEN;
	case '$':
		if (read_number(ret_item) < 0)
			return SOAK_BROKEN;
		return read_bulk(data, length, used, ret_item);
	default:
		return SOAK_BROKEN;
	}
}

size_t
soak_reply_read(const char *data, size_t length, struct soak_reply *ret_reply)
{
	size_t used = read_item(data, length, &ret_reply->head);

	if (used == 0 || used == SOAK_BROKEN || ret_reply->head.type != '*')
		return used;
	if (ret_reply->head.number < 0 ||
	    ret_reply->head.number > SOAK_ITEMS_MAX)
		return SOAK_BROKEN;
	for (int64_t i = 0; i < ret_reply->head.number; i++) {
		size_t more = read_item(data + used, length - used,
					&ret_reply->items[i]);

		if (more == 0 || more == SOAK_BROKEN)
			return more;
		if (ret_reply->items[i].type == '*')
			return SOAK_BROKEN;
		used += more;
	}
	return used;
}
