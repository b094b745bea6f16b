/*
 * One contiguous block that doubles. A chain of blocks would spare the moves
 * but could not be handed out as one run of bytes, which is what parsers want.
 */
#include "net/buffer.h"

#include "base/check.h"
#include "base/spares.h"

#include <errno.h>
#include <string.h>

#define CAPACITY_MIN GYRE__SPARE_BYTES

bool
gyre__buffer_validate(const struct gyre__buffer *buffer)
{
	return buffer->begin <= buffer->end &&
	       buffer->end <= buffer->capacity &&
	       (buffer->data != NULL) == (buffer->capacity > 0);
}

static void *
take_memory(struct gyre__spares *spares, size_t capacity)
{
	return capacity == CAPACITY_MIN ? gyre__spares_take(spares)
					: spares->sys->allocate(capacity, 0);
}

static void
give_memory_back(struct gyre__buffer *buffer, struct gyre__spares *spares)
{
	if (buffer->capacity == CAPACITY_MIN)
		gyre__spares_put(spares, buffer->data);
	else
		spares->sys->release(buffer->data);
}

/* Move the bytes to the front of a block of at least `capacity`. */
static bool
grow(struct gyre__buffer *buffer, struct gyre__spares *spares, size_t capacity)
{
	size_t length = gyre__buffer_length(buffer);
	unsigned char *data;

	if (capacity < 2 * buffer->capacity)
		capacity = 2 * buffer->capacity;
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	data = take_memory(spares, capacity);
	if (data == NULL)
		return false;
	if (length > 0)
		memcpy(data, gyre__buffer_bytes(buffer), length);
	give_memory_back(buffer, spares);
	*buffer = (struct gyre__buffer){
		.data = data,
		.end = length,
		.capacity = capacity,
	};
	return true;
}

void *
gyre__buffer_reserve(struct gyre__buffer *buffer, struct gyre__spares *spares,
		     size_t room)
{
	size_t length = gyre__buffer_length(buffer);

	GYRE_INSIST(gyre__buffer_validate(buffer));
	if (room > SIZE_MAX / 4 - length)
		return NULL;
	if (buffer->capacity - buffer->end >= room && buffer->data != NULL)
		return buffer->data + buffer->end;
	/* Moving no more than what was consumed keeps the sum linear. */
	if (buffer->capacity - length >= room && buffer->begin >= length &&
	    buffer->data != NULL) {
		memcpy(buffer->data, buffer->data + buffer->begin, length);
		buffer->begin = 0;
		buffer->end = length;
	} else if (!grow(buffer, spares, length + room)) {
		return NULL;
	}
	return buffer->data + buffer->end;
}

void
gyre__buffer_fill(struct gyre__buffer *buffer, size_t length)
{
	GYRE_INSIST(length <= buffer->capacity - buffer->end);
	buffer->end += length;
}

int
gyre__buffer_append(struct gyre__buffer *buffer, struct gyre__spares *spares,
		    const void *data, size_t length)
{
	void *room;

	if (length == 0)
		return 0;
	room = gyre__buffer_reserve(buffer, spares, length);
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, data, length);
	gyre__buffer_fill(buffer, length);
	return 0;
}

void
gyre__buffer_consume(struct gyre__buffer *buffer, struct gyre__spares *spares,
		     size_t length)
{
	GYRE_INSIST(length <= gyre__buffer_length(buffer));
	buffer->begin += length;
	if (buffer->begin != buffer->end)
		return;
	give_memory_back(buffer, spares);
	*buffer = (struct gyre__buffer){ .data = NULL };
}

void
gyre__buffer_release(struct gyre__buffer *buffer, const struct gyre_sys *sys)
{
	sys->release(buffer->data);
	*buffer = (struct gyre__buffer){ .data = NULL };
}
