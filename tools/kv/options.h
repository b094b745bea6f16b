/*
 * What the command line says.
 */
#ifndef KV_OPTIONS_H
#define KV_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <gyre/runtime.h>
#include <gyre/version.h>

#define OPTIONS_CPUS_MAX     1024
#define OPTIONS_PASSWORD_MAX 512

/* Who may come to the TLS port, by their certificates. */
enum options_tls_clients {
	OPTIONS_TLS_CLIENTS_KNOWN,    /* who has one that is trusted */
	OPTIONS_TLS_CLIENTS_OPTIONAL, /* and who has none */
	OPTIONS_TLS_CLIENTS_ANY,      /* nobody is asked */
};

struct options {
	const char *bind;      /* a numeric address */
	uint16_t port;         /* 0: any free one */
	bool has_port;         /* clients may come without TLS */
	const char *unix_path; /* of a Unix socket; NULL: none */
	unsigned unix_mode;    /* of the path */
	unsigned loops;        /* 0: one per allowed CPU */
	enum gyre_pin pin;
	unsigned cpus[OPTIONS_CPUS_MAX]; /* for GYRE_PIN_LIST */
	unsigned cpus_count;
	bool steer;      /* to the shard of the packet's CPU */
	bool wants_plan; /* print where the shards would run, and end */
	unsigned clients_max;
	char password[OPTIONS_PASSWORD_MAX + 1]; /* "": none is asked for */
	bool protected_mode;  /* without a password: this machine alone */
	int64_t idle_ns;      /* a client may say nothing for; 0: for ever */
	int64_t keepalive_ns; /* then its system is asked; 0: it is not */
	/*
	 * Messages that wait for a subscriber: over the one it is closed, over
	 * the other if that lasts.
	 */
	size_t unread_max;
	size_t unread_long_max;
	int64_t unread_long_ns;
	size_t bulk_max;
	int64_t slow_ns;   /* a command that is kept took; below 0: none is */
	size_t slow_max;   /* of those */
	int64_t spin_ns;   /* a loop may look for work before it sleeps */
	size_t memory_max; /* of keys and values; 0: no limit */
	bool has_tls;      /* clients may come with TLS */
	bool wants_tls;    /* an option of TLS was given */
	uint16_t tls_port; /* 0: any free one */
	const char *tls_certificate; /* files */
	const char *tls_key;
	const char *tls_ca; /* NULL: none */
	enum options_tls_clients tls_clients;
	bool tls_1_2; /* which versions are spoken */
	bool tls_1_3;
	const char *control; /* path of the control socket; NULL: none */
};

enum options_result {
	OPTIONS_RUN,  /* go on */
	OPTIONS_DONE, /* --help or --version was answered */
	OPTIONS_BAD,  /* one line on standard error says why */
};

/* Read the command line into the options, which get their defaults first. */
enum options_result options_parse(struct options *options, int argc,
				  char **argv);

#endif
