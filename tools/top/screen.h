/*
 * The live table on a terminal, where the program was built with ncurses.
 */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

#include <stdbool.h>

/* Whether this build has it. */
bool screen_exists(void);

/* Take the terminal over, and give it back. */
void screen_open(void);
void screen_close(void);

/* Show lines, from the first one that was scrolled to. */
void screen_show(const char *text);

/* Wait for so long, or for a key that changes something. False: to quit. */
bool screen_wait(int ms);

#endif
