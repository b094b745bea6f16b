/* gyre-bench all: every bench, gyre and its peers in turns, side by side. */
#ifndef BENCH_ALL_H
#define BENCH_ALL_H

/* Run what the arguments behind the first, `all`, ask for; the exit status. */
int all_main(int argc, char **argv);

#endif
