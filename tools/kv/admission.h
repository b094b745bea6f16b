/*
 * Whether a client that has come may stay: the listeners' callbacks, whose
 * argument is the server.
 */
#ifndef KV_ADMISSION_H
#define KV_ADMISSION_H

struct gyre_listener;

/* A client has come to the loop that runs, and counts as one: it becomes a
 * connection, or is closed. */
void admission_take(struct gyre_listener *listener, int fd, void *server);
void admission_take_secure(struct gyre_listener *listener, int fd,
			   void *server);

/* There are enough clients, or no descriptor for this one. */
void admission_refuse(struct gyre_listener *listener, int fd, void *server);
void admission_refuse_secure(struct gyre_listener *listener, int fd,
			     void *server);

#endif
