/*
 * Writing JSON: what a control socket answers with. A library for it was left
 * out: it is for those who read JSON, and the core links none.
 */
#include "runtime/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROOM_FIRST 4096

void
gyre__json_init(struct gyre__json *json, const struct gyre_sys *sys)
{
	*json = (struct gyre__json){ .sys = sys };
}

static bool
make_room(struct gyre__json *json, size_t more)
{
	size_t room = json->room > 0 ? json->room : ROOM_FIRST;
	char *text;

	if (json->has_failed || json->room - json->length >= more)
		return !json->has_failed;
	while (room - json->length < more)
		room *= 2;
	text = json->sys->allocate(room, 0);
	if (text != NULL && json->length > 0)
		memcpy(text, json->text, json->length);
	json->has_failed = text == NULL;
	json->sys->release(json->text);
	json->text = text;
	json->room = room;
	return text != NULL;
}

void
gyre__json_raw(struct gyre__json *json, const char *text, size_t length)
{
	if (length == 0 || !make_room(json, length))
		return;
	memcpy(json->text + json->length, text, length);
	json->length += length;
}

char *
gyre__json_take(struct gyre__json *json, size_t *ret_length)
{
	char *text = json->text;

	*ret_length = json->length;
	gyre__json_init(json, json->sys);
	return text;
}

/* -- values -------------------------------------------------------------- */

static void
write_byte(struct gyre__json *json, char byte)
{
	gyre__json_raw(json, &byte, 1);
}

static void
write_quoted(struct gyre__json *json, const char *text)
{
	write_byte(json, '"');
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;
		char escape[8];

		if (byte == '"' || byte == '\\')
			write_byte(json, '\\');
		if (byte >= ' ') {
			write_byte(json, *text);
			continue;
		}
		snprintf(escape, sizeof(escape), "\\u%04x", byte);
		gyre__json_raw(json, escape, 6);
	}
	write_byte(json, '"');
}

/* The comma before a value, and its name. */
static void
begin(struct gyre__json *json, const char *name)
{
	if (json->needs_comma)
		write_byte(json, ',');
	json->needs_comma = true;
	if (name == NULL)
		return;
	write_quoted(json, name);
	write_byte(json, ':');
}

void
gyre__json_open(struct gyre__json *json, const char *name, char bracket)
{
	begin(json, name);
	write_byte(json, bracket);
	json->needs_comma = false;
}

void
gyre__json_close(struct gyre__json *json, char bracket)
{
	write_byte(json, bracket);
	json->needs_comma = true;
}

void
gyre__json_uint(struct gyre__json *json, const char *name, uint64_t value)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	begin(json, name);
	gyre__json_raw(json, digits, (size_t)length);
}

void
gyre__json_int(struct gyre__json *json, const char *name, int64_t value)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRId64, value);

	begin(json, name);
	gyre__json_raw(json, digits, (size_t)length);
}

void
gyre__json_string(struct gyre__json *json, const char *name, const char *value)
{
	begin(json, name);
	write_quoted(json, value);
}
