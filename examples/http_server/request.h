/*
 * The requests of HTTP/1.x, as RFC 9112 has them, read from bytes that come in
 * whatever pieces. Nothing is copied, and nothing allocated.
 */
#ifndef GYRE_EXAMPLES_HTTP_SERVER_REQUEST_H
#define GYRE_EXAMPLES_HTTP_SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX  8192u /* bytes, with the request line */
#define HTTP_LINE_MAX  4096u /* of a chunk's size, or a trailer */
#define HTTP_CHUNK_MAX (UINT64_C(1) << 40)

struct http_text {
	const char *bytes;
	size_t length;
};

struct http_request {
	struct http_text method;
	struct http_text target;
	bool keep_alive;       /* the client may send another one */
	bool expects_continue; /* it waits for 100 before it sends the body */
	bool is_chunked;
	uint64_t length; /* of a body that is not */
};

/* Where in a body one is. */
enum http_place {
	HTTP_BODY_BYTES,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_BYTES,
	HTTP_CHUNK_END, /* of its bytes */
	HTTP_TRAILER,
	HTTP_BODY_OVER,
};

struct http_body {
	enum http_place place;
	uint64_t left; /* bytes of it, or of the chunk */
};

/*
 * Read a head. Returns its length; 0: it is not there as a whole; or, negative,
 * the status to refuse it with.
 */
int http_request_read(const char *bytes, size_t length,
		      struct http_request *ret_request);

/* Begin with the body that the head promises. */
void http_body_begin(struct http_body *body,
		     const struct http_request *request);

/*
 * Go on with a body. Returns how many bytes are done with, of which some may be
 * its data (*ret_data), and is to be called again while it returns some and the
 * body is not over; 0: more is needed; or, negative, the status to refuse it
 * with.
 */
long http_body_read(struct http_body *body, const char *bytes, size_t length,
		    struct http_text *ret_data);

bool http_text_is(struct http_text text, const char *other);

#endif
