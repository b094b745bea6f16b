/* How much of the machine others used while a program ran. */
#ifndef BENCH_NOISE_H
#define BENCH_NOISE_H

#define NOISE_LIMIT 0.15 /* of one CPU */

struct noise {
	double machine_s; /* busy, all CPUs */
	double own_s;     /* this program's and its children's */
	double wall_s;
};

void noise_begin(struct noise *noise);

/* In CPUs; 0 where the system does not tell. */
double noise_end(const struct noise *noise);

#endif
