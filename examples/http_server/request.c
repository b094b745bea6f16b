/*
 * What is not as the RFC has it is refused, for each leniency is one that a
 * proxy in front may read in another way. (Of Debian's parsers the one for C
 * has no upstream any more.)
 */
#define _POSIX_C_SOURCE 200809L /* strncasecmp */

#include "request.h"

#include <string.h>
#include <strings.h>

bool
http_text_is(struct http_text text, const char *other)
{
	return text.length == strlen(other) &&
	       memcmp(text.bytes, other, text.length) == 0;
}

/* Of names and tokens, which have no case. */
static bool
is_alike(struct http_text text, const char *other)
{
	return text.length == strlen(other) &&
	       strncasecmp(text.bytes, other, text.length) == 0;
}

/* -- characters ---------------------------------------------------------- */

static bool
is_token_character(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct http_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!is_token_character(text.bytes[i]))
			return false;
	return text.length > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* No control characters, of which a lone CR or LF is one. */
static bool
is_value(struct http_text text)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.bytes[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static struct http_text
trim(struct http_text text)
{
	while (text.length > 0 && is_blank(text.bytes[0])) {
		text.bytes++;
		text.length--;
	}
	while (text.length > 0 && is_blank(text.bytes[text.length - 1]))
		text.length--;
	return text;
}

/* Take what comes before the character, and that too; false: it is not there.
 */
static bool
take_until(struct http_text *text, char c, struct http_text *ret)
{
	const char *end = memchr(text->bytes, c, text->length);

	if (end == NULL)
		return false;
	*ret = (struct http_text){ text->bytes, (size_t)(end - text->bytes) };
	text->bytes = end + 1;
	text->length -= ret->length + 1;
	return true;
}

/* -- the head ------------------------------------------------------------ */

/* What one learns only from all fields. */
struct fields {
	unsigned hosts;
	bool has_length;
	bool is_first; /* HTTP/1.0 */
	bool closes;
	bool keeps;
};

static int
read_request_line(struct http_text line, struct http_request *request,
		  struct fields *fields)
{
	struct http_text version;

	if (!take_until(&line, ' ', &request->method) ||
	    !take_until(&line, ' ', &request->target))
		return -400;
	version = line;
	if (!is_token(request->method) || request->target.length == 0 ||
	    !is_value(request->target) ||
	    memchr(request->target.bytes, '\t', request->target.length) != NULL)
		return -400;
	if (version.length != 8 || memcmp(version.bytes, "HTTP/", 5) != 0 ||
	    version.bytes[6] != '.')
		return -400;
	if (version.bytes[5] != '1' || version.bytes[7] < '0' ||
	    version.bytes[7] > '9')
		return -505;
	fields->is_first = version.bytes[7] == '0';
	return 0;
}

static int
read_length(struct http_text value, struct http_request *request,
	    struct fields *fields)
{
	uint64_t length = 0;

	if (value.length == 0 || value.length > 15)
		return value.length == 0 ? -400 : -413;
	for (size_t i = 0; i < value.length; i++) {
		if (value.bytes[i] < '0' || value.bytes[i] > '9')
			return -400;
		length = length * 10 + (uint64_t)(value.bytes[i] - '0');
	}
	/* The same one twice is allowed to be refused, too. */
	if (fields->has_length)
		return -400;
	fields->has_length = true;
	request->length = length;
	return 0;
}

static void
read_connection(struct http_text value, struct fields *fields)
{
	struct http_text option;
	bool is_last;

	do {
		is_last = !take_until(&value, ',', &option);
		option = trim(is_last ? value : option);
		fields->closes |= is_alike(option, "close");
		fields->keeps |= is_alike(option, "keep-alive");
	} while (!is_last);
}

static int
read_field(struct http_text line, struct http_request *request,
	   struct fields *fields)
{
	struct http_text name, value;

	/* A blank in front would be a continuation of the line before. */
	if (!take_until(&line, ':', &name) || !is_token(name))
		return -400;
	value = trim(line);
	if (!is_value(value))
		return -400;
	if (is_alike(name, "host")) {
		fields->hosts++;
	} else if (is_alike(name, "content-length")) {
		return read_length(value, request, fields);
	} else if (is_alike(name, "transfer-encoding")) {
		if (request->is_chunked || !is_alike(value, "chunked"))
			return -501;
		request->is_chunked = true;
	} else if (is_alike(name, "connection")) {
		read_connection(value, fields);
	} else if (is_alike(name, "expect")) {
		if (!is_alike(value, "100-continue"))
			return -417;
		request->expects_continue = true;
	}
	return 0;
}

/* Two ways to say how long the body is are how requests are smuggled. */
static int
end_fields(struct http_request *request, const struct fields *fields)
{
	if (request->is_chunked && (fields->has_length || fields->is_first))
		return -400;
	if (fields->hosts != 1 && !(fields->hosts == 0 && fields->is_first))
		return -400;
	request->keep_alive =
		!fields->closes && (fields->keeps || !fields->is_first);
	return 0;
}

/* Take a line that ends with CRLF; there is one. */
static bool
take_line(struct http_text *text, struct http_text *ret)
{
	if (!take_until(text, '\n', ret) || ret->length == 0 ||
	    ret->bytes[ret->length - 1] != '\r')
		return false;
	ret->length--;
	return true;
}

/* Up to and with the empty line. */
static int
read_lines(struct http_text head, struct http_request *request)
{
	struct fields fields = { 0 };
	struct http_text line;
	int result;

	if (!take_line(&head, &line))
		return -400;
	result = read_request_line(line, request, &fields);
	while (result == 0) {
		if (!take_line(&head, &line))
			return -400;
		if (line.length == 0)
			return end_fields(request, &fields);
		result = read_field(line, request, &fields);
	}
	return result;
}

/* What no method begins with, such as a TLS handshake, is not waited on. */
static bool
may_become_request(struct http_text head)
{
	return head.length == 0 || head.bytes[0] == '\r' ||
	       is_token_character(head.bytes[0]);
}

/* Where the empty line ends; NULL: it is not there. */
static const char *
find_end(struct http_text text)
{
	struct http_text line;

	while (take_until(&text, '\n', &line))
		if (text.length >= 2 && memcmp(text.bytes, "\r\n", 2) == 0 &&
		    line.length > 0 && text.bytes[-2] == '\r')
			return text.bytes + 2;
	return NULL;
}

int
http_request_read(const char *bytes, size_t length,
		  struct http_request *ret_request)
{
	size_t skipped = 0;
	const char *end;
	struct http_text head;
	int result;

	/* Some clients send one line end too many after a body. */
	while (length - skipped >= 2 && skipped < HTTP_HEAD_MAX &&
	       memcmp(bytes + skipped, "\r\n", 2) == 0)
		skipped += 2;
	if (length > HTTP_HEAD_MAX)
		length = HTTP_HEAD_MAX;
	head = (struct http_text){ bytes + skipped, length - skipped };
	if (!may_become_request(head))
		return -400;
	end = find_end(head);
	if (end == NULL)
		return length == HTTP_HEAD_MAX ? -431 : 0;
	head.length = (size_t)(end - head.bytes);
	memset(ret_request, 0, sizeof(*ret_request));
	result = read_lines(head, ret_request);
	return result < 0 ? result : (int)(skipped + head.length);
}

/* -- the body ------------------------------------------------------------ */

void
http_body_begin(struct http_body *body, const struct http_request *request)
{
	body->left = request->length;
	if (request->is_chunked)
		body->place = HTTP_CHUNK_SIZE;
	else
		body->place = body->left > 0 ? HTTP_BODY_BYTES : HTTP_BODY_OVER;
}

static long
take_bytes(struct http_body *body, const char *bytes, size_t length,
	   struct http_text *ret_data)
{
	if (length > body->left)
		length = (size_t)body->left;
	*ret_data = (struct http_text){ bytes, length };
	body->left -= length;
	if (body->left == 0)
		body->place = body->place == HTTP_CHUNK_BYTES ? HTTP_CHUNK_END
							      : HTTP_BODY_OVER;
	return (long)length;
}

/* A line with its end, for what is made of lines: 0: it is not there yet. */
static long
find_line(const char *bytes, size_t length, struct http_text *ret_line)
{
	struct http_text text = { bytes, length };

	if (text.length > HTTP_LINE_MAX)
		text.length = HTTP_LINE_MAX;
	if (memchr(text.bytes, '\n', text.length) == NULL)
		return text.length == HTTP_LINE_MAX ? -431 : 0;
	if (!take_line(&text, ret_line))
		return -400;
	return text.bytes - bytes;
}

/* -1: it is no digit. */
static int
hexadecimal(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number, then perhaps extensions, of which none is known. */
static int
read_size(struct http_text line, uint64_t *ret_size)
{
	struct http_text number = line;
	uint64_t size = 0;

	if (!is_value(line))
		return -400;
	(void)!take_until(&line, ';', &number);
	number = trim(number);
	if (number.length == 0)
		return -400;
	for (size_t i = 0; i < number.length; i++) {
		int digit = hexadecimal(number.bytes[i]);

		if (digit < 0)
			return -400;
		size = size * 16 + (unsigned)digit;
		if (size > HTTP_CHUNK_MAX)
			return -413;
	}
	*ret_size = size;
	return 0;
}

static long
take_chunk_line(struct http_body *body, const char *bytes, size_t length)
{
	struct http_text line;
	long taken;
	int result = 0;

	if (body->place == HTTP_CHUNK_END && bytes[0] != '\r')
		return -400;
	taken = find_line(bytes, length, &line);
	if (taken <= 0)
		return taken;
	switch (body->place) {
	case HTTP_CHUNK_SIZE:
		result = read_size(line, &body->left);
		body->place = body->left > 0 ? HTTP_CHUNK_BYTES : HTTP_TRAILER;
		break;
	case HTTP_CHUNK_END:
		result = line.length == 0 ? 0 : -400;
		body->place = HTTP_CHUNK_SIZE;
		break;
	default:
		if (line.length == 0)
			body->place = HTTP_BODY_OVER;
	}
	return result < 0 ? result : taken;
}

long
http_body_read(struct http_body *body, const char *bytes, size_t length,
	       struct http_text *ret_data)
{
	*ret_data = (struct http_text){ bytes, 0 };
	if (length == 0 || body->place == HTTP_BODY_OVER)
		return 0;
	if (body->place == HTTP_BODY_BYTES || body->place == HTTP_CHUNK_BYTES)
		return take_bytes(body, bytes, length, ret_data);
	return take_chunk_line(body, bytes, length);
}
