/*
 * A growable run of bytes: appended to at the end, consumed from the front.
 *
 * An empty buffer holds no memory, so that ten thousand idle streams hold
 * none: a small one takes it from what its loop has to spare, and gives it
 * back; what is bounded is up to whoever fills it.
 */
#ifndef GYRE_NET_BUFFER_H
#define GYRE_NET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct gyre_sys;
struct gyre__spares;

struct gyre__buffer {
	unsigned char *data; /* NULL: empty */
	size_t begin;        /* the first byte in use */
	size_t end;          /* behind the last one */
	size_t capacity;
};

static inline size_t
gyre__buffer_length(const struct gyre__buffer *buffer)
{
	return buffer->end - buffer->begin;
}

/* What fits behind the end without moving anything. */
static inline size_t
gyre__buffer_room(const struct gyre__buffer *buffer)
{
	return buffer->capacity - buffer->end;
}

/* The bytes in use, until the next call that changes the buffer. */
static inline const unsigned char *
gyre__buffer_bytes(const struct gyre__buffer *buffer)
{
	return buffer->data != NULL ? buffer->data + buffer->begin : NULL;
}

/*
 * Make room for at least so many bytes behind the end, which is returned;
 * NULL: no memory, and nothing has changed. What is written there counts
 * once gyre__buffer_fill() was told.
 */
void *gyre__buffer_reserve(struct gyre__buffer *buffer,
			   struct gyre__spares *spares, size_t room);
void gyre__buffer_fill(struct gyre__buffer *buffer, size_t length);

/* Append a copy. 0, or -ENOMEM and nothing has changed. */
int gyre__buffer_append(struct gyre__buffer *buffer,
			struct gyre__spares *spares, const void *data,
			size_t length);

/* Take bytes off the front; the last one takes the memory with it. */
void gyre__buffer_consume(struct gyre__buffer *buffer,
			  struct gyre__spares *spares, size_t length);

/* Whether the members agree with one another. */
bool gyre__buffer_validate(const struct gyre__buffer *buffer);

/* Forget the bytes and give the memory back, to the system. */
void gyre__buffer_release(struct gyre__buffer *buffer,
			  const struct gyre_sys *sys);

#endif
