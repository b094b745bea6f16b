/*
 * One append each where a reply is short, since most are.
 */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "number.h"

#define ERROR_TEXT_MAX 512

/* `:123\r\n`, `$5\r\n`, `*2\r\n`. */
static void
append_header(struct bytes *reply, char type, int64_t number)
{
	char line[1 + NUMBER_TEXT_MAX + 2];
	size_t length;

	line[0] = type;
	length = 1 + number_format(number, line + 1);
	line[length++] = '\r';
	line[length++] = '\n';
	bytes_append(reply, line, length);
}

void
reply_status(struct bytes *reply, const char *text)
{
	bytes_append(reply, "+", 1);
	bytes_append(reply, text, strlen(text));
	bytes_append(reply, "\r\n", 2);
}

void
reply_ok(struct bytes *reply)
{
	bytes_append(reply, "+OK\r\n", 5);
}

void
reply_integer(struct bytes *reply, int64_t number)
{
	append_header(reply, ':', number);
}

void
reply_bulk(struct bytes *reply, const void *data, size_t length)
{
	append_header(reply, '$', (int64_t)length);
	bytes_append(reply, data, length);
	bytes_append(reply, "\r\n", 2);
}

void
reply_text(struct bytes *reply, const char *text)
{
	reply_bulk(reply, text, strlen(text));
}

void
reply_null(struct bytes *reply)
{
	bytes_append(reply, "$-1\r\n", 5);
}

void
reply_array(struct bytes *reply, size_t count)
{
	append_header(reply, '*', (int64_t)count);
}

void
reply_error_code(struct bytes *reply, const char *code_and_text)
{
	bytes_append(reply, "-", 1);
	bytes_append(reply, code_and_text, strlen(code_and_text));
	bytes_append(reply, "\r\n", 2);
}

void
reply_error(struct bytes *reply, const char *text)
{
	reply_errorf(reply, "%s", text);
}

void
reply_errorf(struct bytes *reply, const char *format, ...)
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
reply_wrong_arity(struct bytes *reply, const char *command)
{
	reply_errorf(reply, "wrong number of arguments for '%s' command",
		     command);
}

void
reply_syntax_error(struct bytes *reply)
{
	reply_error(reply, "syntax error");
}

void
reply_not_integer(struct bytes *reply)
{
	reply_error(reply, "value is not an integer or out of range");
}

void
reply_no_memory(struct bytes *reply)
{
	reply_error_code(reply, "OOM command not allowed when used memory > "
				"'maxmemory'.");
}
