/*
 * AUTH, and HELLO, which may bring a password along.
 */
#include "auth.h"
#include "command.h"
#include "connection.h"
#include "number.h"
#include "server.h"

/* In Redis's words. */
static const char no_auth_hello[] =
	"NOAUTH HELLO must be called with the client already authenticated, "
	"otherwise the HELLO AUTH <user> <pass> option can be used to "
	"authenticate the client and select the RESP protocol version at the "
	"same time";

/* Let the connection in if the password is right, else reply so. */
static bool
let_in(struct call *call, const struct arg *user, const struct arg *password)
{
	if (auth_matches(call->shard->server->options, user, password)) {
		connection_unlock(call->connection);
		return true;
	}
	reply_error_code(call->reply, "WRONGPASS invalid username-password "
				      "pair or user is disabled.");
	return false;
}

void
command_auth(struct call *call)
{
	const struct arg *argv = call->argv;

	if (call->argc > 3)
		reply_syntax_error(call->reply);
	else if (call->argc == 2 &&
		 call->shard->server->options->password[0] == '\0')
		reply_error(call->reply,
			    "AUTH <password> called without any password "
			    "configured for the default user. Are you sure "
			    "your configuration is correct?");
	else if (let_in(call, call->argc == 3 ? &argv[1] : NULL,
			&argv[call->argc - 1]))
		reply_ok(call->reply);
}

/* -- HELLO ----------------------------------------------------------------- */

static void
reply_hello(struct call *call)
{
	struct reply *reply = call->reply;

	reply_map_begin(reply, 7);
	reply_text(reply, "server");
	reply_text(reply, "redis");
	reply_text(reply, "version");
	reply_text(reply, SERVER_REDIS_VERSION);
	reply_text(reply, "proto");
	reply_integer(reply, call->connection->resp3 ? 3 : 2);
	reply_text(reply, "id");
	reply_integer(reply, (int64_t)call->connection->id);
	reply_text(reply, "mode");
	reply_text(reply, "standalone");
	reply_text(reply, "role");
	reply_text(reply, "master");
	reply_text(reply, "modules");
	reply_array(reply, 0);
}

/* Read the version, or reply what is wrong with it and answer false. */
static bool
take_version(struct call *call, int64_t *version)
{
	const struct arg *text = &call->argv[1];

	if (!number_parse(text->data, text->length, version)) {
		reply_error(call->reply, "Protocol version is not an integer "
					 "or out of range");
		return false;
	}
	if (*version == 2 || *version == 3)
		return true;
	reply_error_code(call->reply, "NOPROTO unsupported protocol version");
	return false;
}

/* One after the other, as Redis: what stands before a wrong one is done. */
static bool
take_hello_options(struct call *call)
{
	for (size_t i = 2; i < call->argc; i++) {
		const struct arg *option = &call->argv[i];
		size_t more = call->argc - 1 - i;

		if (ARG_IS(option, "auth") && more >= 2) {
			if (!let_in(call, option + 1, option + 2))
				return false;
			i += 2;
		} else if (ARG_IS(option, "setname") && more >= 1) {
			if (!command_set_name(call, option + 1))
				return false;
			i++;
		} else {
			reply_errorf(call->reply,
				     "Syntax error in HELLO option '%.*s'",
				     (int)strnlen(option->data,
						  option->length < 128
							  ? option->length
							  : 128),
				     option->data);
			return false;
		}
	}
	return true;
}

void
command_hello(struct call *call)
{
	struct connection *connection = call->connection;
	int64_t version = connection->resp3 ? 3 : 2;

	if ((call->argc > 1 && !take_version(call, &version)) ||
	    !take_hello_options(call))
		return;
	if (connection->locked) {
		reply_error_code(call->reply, no_auth_hello);
		return;
	}
	connection->resp3 = version == 3;
	call->reply->resp3 = connection->resp3;
	reply_hello(call);
}
