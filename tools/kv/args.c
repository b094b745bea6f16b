/*
 * The splitter walks the line once; what an argument unquotes to is never
 * longer than its text, so that one reservation serves the whole line and the
 * arguments may point into it.
 */
#include "args.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define ITEMS_MIN 16

struct arg *
args_add(struct args *args)
{
	if (args->count == args->capacity) {
		size_t capacity = args->capacity * 2;
		struct arg *items;

		if (capacity < ITEMS_MIN)
			capacity = ITEMS_MIN;
		items = realloc(args->items, capacity * sizeof(*items));
		if (items == NULL)
			return NULL;
		args->items = items;
		args->capacity = capacity;
	}
	args->items[args->count] = (struct arg){ 0 };
	return &args->items[args->count++];
}

void
args_reset(struct args *args, size_t keep_max)
{
	if (args->capacity > keep_max)
		args_free(args);
	args->count = 0;
}

void
args_free(struct args *args)
{
	free(args->items);
	*args = (struct args){ 0 };
}

/* What isspace() says in the C locale, whatever the program's is. */
static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static char
unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'a':
		return '\a';
	default:
		return c;
	}
}

/* Append what the backslash at `at` stands for; return what follows it. */
static const char *
take_escape(const char *at, const char *end, struct bytes *text)
{
	char c;

	if (end - at >= 4 && at[1] == 'x' && hex_digit(at[2]) >= 0 &&
	    hex_digit(at[3]) >= 0) {
		c = (char)(hex_digit(at[2]) * 16 + hex_digit(at[3]));
		bytes_append(text, &c, 1);
		return at + 4;
	}
	c = unescape(at[1]);
	bytes_append(text, &c, 1);
	return at + 2;
}

/*
 * Append what is quoted behind `at`; return what follows the closing quote,
 * or NULL if there is none or something clings to it.
 */
static const char *
take_quoted(const char *at, const char *end, struct bytes *text)
{
	char quote = *at++;

	while (at < end) {
		if (*at == quote) {
			at++;
			return at == end || is_space(*at) ? at : NULL;
		}
		if (*at == '\\' && end - at >= 2 && quote == '"') {
			at = take_escape(at, end, text);
		} else if (*at == '\\' && end - at >= 2 && at[1] == '\'') {
			bytes_append(text, "'", 1);
			at += 2;
		} else {
			bytes_append(text, at++, 1);
		}
	}
	return NULL;
}

/* Append one argument's bytes; return what follows it, NULL: bad quotes. */
static const char *
take_arg(const char *at, const char *end, struct bytes *text)
{
	while (at < end && *at != ' ' && *at != '\n' && *at != '\r' &&
	       *at != '\t') {
		if (*at == '"' || *at == '\'')
			return take_quoted(at, end, text);
		bytes_append(text, at++, 1);
	}
	return at;
}

int
args_split(const char *line, size_t length, struct args *args,
	   struct bytes *text)
{
	const char *at = line;
	const char *end = line + length;

	args->count = 0;
	bytes_reset(text, text->capacity);
	if (bytes_reserve(text, length + 1) < 0)
		return -ENOMEM;
	for (;;) {
		struct arg *arg;
		size_t start = text->length;

		while (at < end && is_space(*at))
			at++;
		if (at == end)
			return 0;
		at = take_arg(at, end, text);
		if (at == NULL)
			return -EINVAL;
		arg = args_add(args);
		if (arg == NULL)
			return -ENOMEM;
		arg->data = text->data + start;
		arg->length = text->length - start;
	}
}
