/*
 * The parser keeps, between two calls, offsets into the command alone, since
 * the bytes may have moved. What it refuses and with which words is Redis
 * 7.0's: clients show them to people, and tests compare them. Our own are those
 * for other protocols, where Redis waits or closes without a word.
 */
#include "resp.h"

#include <errno.h>
#include <stdio.h>

#include "auth.h"
#include "number.h"

/*
 * Above this an argument list is given back after its command: a client that
 * sent a large one may say nothing for ever.
 */
#define ARGS_KEEP_MAX 128
#define TEXT_KEEP_MAX 1024

/* What came so far, and what was to be found in it. */
struct input {
	const char *data;
	size_t length;
};

void
resp_init(struct resp *resp, size_t bulk_max)
{
	*resp = (struct resp){ .bulk_max = bulk_max, .bulk_length = -1 };
}

void
resp_free(struct resp *resp)
{
	args_free(&resp->args);
	bytes_free(&resp->inline_text);
}

static enum resp_status
refuse(struct resp *resp, const char *error)
{
	snprintf(resp->error, sizeof(resp->error), "%s", error);
	return RESP_ERROR;
}

/*
 * Look for `end` from the position on and store the line's end. RESP_COMMAND:
 * it is there. `error` is what to say of a line that is too long.
 */
static enum resp_status
find_line(struct resp *resp, const struct input *input, char end,
	  const char *error, size_t *ret_end)
{
	size_t from = resp->position;
	const char *found;

	if (resp->searched > from)
		from = resp->searched;
	found = memchr(input->data + from, end, input->length - from);
	*ret_end = found ? (size_t)(found - input->data) : input->length;
	if (*ret_end - resp->position > RESP_LINE_MAX)
		return refuse(resp, error);
	resp->searched = *ret_end;
	return found == NULL ? RESP_MORE : RESP_COMMAND;
}

/*
 * Read the line at the position, a type byte and a number, and step behind
 * its \r\n. What follows the \r is taken for the \n, as Redis does.
 */
static enum resp_status
take_count(struct resp *resp, const struct input *input, const char *too_big,
	   bool *ret_valid, int64_t *ret_count)
{
	const char *line = input->data + resp->position;
	size_t end;
	enum resp_status status = find_line(resp, input, '\r', too_big, &end);

	if (status != RESP_COMMAND)
		return status;
	if (end + 1 >= input->length)
		return RESP_MORE;
	/* Where the type byte is to be may be the \r itself. */
	*ret_valid =
		end > resp->position &&
		number_parse(line + 1, end - resp->position - 1, ret_count);
	resp->position = end + 2;
	resp->searched = resp->position;
	return RESP_COMMAND;
}

static enum resp_status
parse_array_length(struct resp *resp, const struct input *input)
{
	bool valid;
	int64_t count;
	enum resp_status status = take_count(
		resp, input, "too big mbulk count string", &valid, &count);

	if (status != RESP_COMMAND)
		return status;
	if (!valid || count > RESP_ARGS_MAX)
		return refuse(resp, "invalid multibulk length");
	if (resp->is_stranger && count > AUTH_STRANGER_ARGS_MAX)
		return refuse(resp, "unauthenticated multibulk length");
	if (count <= 0)
		return RESP_EMPTY;
	resp->args_left = count;
	return RESP_COMMAND;
}

static enum resp_status
refuse_type(struct resp *resp, char type)
{
	/* The message is one line, whatever the byte is. */
	if (type == '\r' || type == '\n')
		type = ' ';
	snprintf(resp->error, sizeof(resp->error), "expected '$', got '%c'",
		 type);
	return RESP_ERROR;
}

static enum resp_status
parse_bulk_length(struct resp *resp, const struct input *input)
{
	bool valid;
	int64_t length;
	size_t start = resp->position;
	enum resp_status status = take_count(
		resp, input, "too big bulk count string", &valid, &length);

	if (status != RESP_COMMAND)
		return status;
	if (input->data[start] != '$')
		return refuse_type(resp, input->data[start]);
	if (!valid || length < 0 || (uint64_t)length > resp->bulk_max)
		return refuse(resp, "invalid bulk length");
	if (resp->is_stranger && length > AUTH_STRANGER_BULK_MAX)
		return refuse(resp, "unauthenticated bulk length");
	if ((uint64_t)length > RESP_COMMAND_MAX - resp->position)
		return refuse(resp, "too big request");
	resp->bulk_length = length;
	return RESP_COMMAND;
}

/* Take a bulk string with the two bytes behind it, which nobody looks at. */
static enum resp_status
parse_bulk(struct resp *resp, const struct input *input)
{
	size_t length = (size_t)resp->bulk_length;
	struct arg *arg;

	if (input->length - resp->position < length + 2)
		return RESP_MORE;
	arg = args_add(&resp->args);
	if (arg == NULL)
		return refuse(resp, "");
	arg->offset = resp->position;
	arg->length = length;
	resp->position += length + 2;
	resp->searched = resp->position;
	resp->bulk_length = -1;
	resp->args_left--;
	return RESP_COMMAND;
}

/* The command is complete: its offsets become places. */
static void
place_args(struct resp *resp, const char *data)
{
	for (size_t i = 0; i < resp->args.count; i++)
		resp->args.items[i].data = data + resp->args.items[i].offset;
}

static enum resp_status
parse_array(struct resp *resp, const struct input *input)
{
	enum resp_status status = RESP_COMMAND;

	if (resp->args_left == 0)
		status = parse_array_length(resp, input);
	while (status == RESP_COMMAND && resp->args_left > 0) {
		if (resp->bulk_length < 0)
			status = parse_bulk_length(resp, input);
		else
			status = parse_bulk(resp, input);
	}
	if (status == RESP_COMMAND)
		place_args(resp, input->data);
	return status;
}

/*
 * A TLS handshake begins with these two bytes and may have no line's end: who
 * sends one would wait for an answer, and we for more.
 */
static bool
is_tls(const struct input *input)
{
	return input->length >= 2 && input->data[0] == 0x16 &&
	       input->data[1] == 0x03;
}

/*
 * A page can have a browser send us what it likes, behind such lines: nothing
 * of that may run.
 */
static bool
is_http(const struct args *args)
{
	return args->count > 0 && (ARG_IS(&args->items[0], "post") ||
				   ARG_IS(&args->items[0], "host:"));
}

static enum resp_status
parse_inline(struct resp *resp, const struct input *input)
{
	size_t end;
	size_t line_length;
	int error;
	enum resp_status status =
		find_line(resp, input, '\n', "too big inline request", &end);

	if (is_tls(input))
		return refuse(resp, "TLS is not spoken on this port");
	if (status != RESP_COMMAND)
		return status;
	line_length = end - resp->position;
	if (line_length > 0 && input->data[end - 1] == '\r')
		line_length--;
	error = args_split(input->data, line_length, &resp->args,
			   &resp->inline_text);
	if (error < 0)
		return refuse(resp, error == -EINVAL
					    ? "unbalanced quotes in request"
					    : "");
	if (is_http(&resp->args))
		return refuse(resp, "HTTP is not spoken on this port");
	resp->position = end + 1;
	return resp->args.count > 0 ? RESP_COMMAND : RESP_EMPTY;
}

/* Whatever follows is a new command at offset 0. */
static void
end_command(struct resp *resp, size_t *ret_used)
{
	*ret_used = resp->position;
	resp->position = 0;
	resp->searched = 0;
	resp->args_left = 0;
	resp->bulk_length = -1;
}

enum resp_status
resp_parse(struct resp *resp, const char *data, size_t length, size_t *ret_used)
{
	const struct input input = { data, length };
	enum resp_status status;

	if (length == 0)
		return RESP_MORE;
	if (resp->position == 0)
		resp_put_away(resp);
	status = data[0] == '*' ? parse_array(resp, &input)
				: parse_inline(resp, &input);
	if (status == RESP_COMMAND || status == RESP_EMPTY)
		end_command(resp, ret_used);
	return status;
}

void
resp_put_away(struct resp *resp)
{
	args_reset(&resp->args, ARGS_KEEP_MAX);
	bytes_reset(&resp->inline_text, TEXT_KEEP_MAX);
}

size_t
resp_wants(const struct resp *resp, size_t length)
{
	size_t end = resp->position + 1;

	if (resp->bulk_length >= 0)
		end = resp->position + (size_t)resp->bulk_length + 2;
	return end > length ? end - length : 1;
}
