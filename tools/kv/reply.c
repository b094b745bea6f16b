/*
 * One append each where a reply is short, since most are.
 */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "number.h"

#define ERROR_TEXT_MAX 512
/* A sign, 17 digits, a point and an exponent, and the end. */
#define DOUBLE_TEXT_MAX 32

/* `:123\r\n`, `$5\r\n`, `*2\r\n`. */
static void
append_header(struct reply *reply, char type, int64_t number)
{
	char line[1 + NUMBER_TEXT_MAX + 2];
	size_t length;

	line[0] = type;
	length = 1 + number_format(number, line + 1);
	line[length++] = '\r';
	line[length++] = '\n';
	bytes_append(reply->bytes, line, length);
}

void
reply_status(struct reply *reply, const char *text)
{
	bytes_append(reply->bytes, "+", 1);
	bytes_append(reply->bytes, text, strlen(text));
	bytes_append(reply->bytes, "\r\n", 2);
}

void
reply_ok(struct reply *reply)
{
	bytes_append(reply->bytes, "+OK\r\n", 5);
}

void
reply_integer(struct reply *reply, int64_t number)
{
	append_header(reply, ':', number);
}

void
reply_bulk(struct reply *reply, const void *data, size_t length)
{
	append_header(reply, '$', (int64_t)length);
	bytes_append(reply->bytes, data, length);
	bytes_append(reply->bytes, "\r\n", 2);
}

void
reply_text(struct reply *reply, const char *text)
{
	reply_bulk(reply, text, strlen(text));
}

void
reply_null(struct reply *reply)
{
	if (reply->resp3)
		bytes_append(reply->bytes, "_\r\n", 3);
	else
		bytes_append(reply->bytes, "$-1\r\n", 5);
}

void
reply_null_array(struct reply *reply)
{
	if (reply->resp3)
		bytes_append(reply->bytes, "_\r\n", 3);
	else
		bytes_append(reply->bytes, "*-1\r\n", 5);
}

void
reply_array(struct reply *reply, size_t count)
{
	append_header(reply, '*', (int64_t)count);
}

void
reply_map_begin(struct reply *reply, size_t pairs)
{
	if (reply->resp3)
		append_header(reply, '%', (int64_t)pairs);
	else
		append_header(reply, '*', 2 * (int64_t)pairs);
}

void
reply_set_begin(struct reply *reply, size_t count)
{
	append_header(reply, reply->resp3 ? '~' : '*', (int64_t)count);
}

void
reply_push_begin(struct reply *reply, size_t count)
{
	append_header(reply, reply->resp3 ? '>' : '*', (int64_t)count);
}

/* 17 digits tell any two numbers apart. An infinity is inf, as Redis has it. */
void
reply_double(struct reply *reply, double number)
{
	char text[DOUBLE_TEXT_MAX];
	int length = snprintf(text, sizeof(text), "%.17g", number);

	if (!reply->resp3) {
		reply_bulk(reply, text, (size_t)length);
		return;
	}
	bytes_append(reply->bytes, ",", 1);
	bytes_append(reply->bytes, text, (size_t)length);
	bytes_append(reply->bytes, "\r\n", 2);
}

void
reply_boolean(struct reply *reply, bool yes)
{
	if (reply->resp3)
		bytes_append(reply->bytes, yes ? "#t\r\n" : "#f\r\n", 4);
	else
		reply_integer(reply, yes);
}

void
reply_verbatim(struct reply *reply, const void *data, size_t length)
{
	if (!reply->resp3) {
		reply_bulk(reply, data, length);
		return;
	}
	append_header(reply, '=', (int64_t)length + 4);
	bytes_append(reply->bytes, "txt:", 4);
	bytes_append(reply->bytes, data, length);
	bytes_append(reply->bytes, "\r\n", 2);
}

void
reply_error_code(struct reply *reply, const char *code_and_text)
{
	bytes_append(reply->bytes, "-", 1);
	bytes_append(reply->bytes, code_and_text, strlen(code_and_text));
	bytes_append(reply->bytes, "\r\n", 2);
}

void
reply_error(struct reply *reply, const char *text)
{
	reply_errorf(reply, "%s", text);
}

void
reply_errorf(struct reply *reply, const char *format, ...)
{
	char text[ERROR_TEXT_MAX] = "ERR ";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + 4, sizeof(text) - 4, format, arguments);
	va_end(arguments);
	for (char *at = text; *at != '\0'; at++) {
		if (*at == '\r' || *at == '\n')
			*at = ' ';
	}
	reply_error_code(reply, text);
}

void
reply_wrong_arity(struct reply *reply, const char *command)
{
	reply_errorf(reply, "wrong number of arguments for '%s' command",
		     command);
}

void
reply_syntax_error(struct reply *reply)
{
	reply_error(reply, "syntax error");
}

void
reply_not_integer(struct reply *reply)
{
	reply_error(reply, "value is not an integer or out of range");
}

void
reply_no_memory(struct reply *reply)
{
	reply_error_code(reply, "OOM command not allowed when used memory > "
				"'maxmemory'.");
}
