/*
 * ncurses: what does not fit is cut at the right and scrolled to below.
 */
#include "screen.h"

#if defined(TOP_NCURSES)

#include <ncurses.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int first; /* line that is shown; the screen is the process's one */
static int lines;

bool
screen_exists(void)
{
	return true;
}

void
screen_open(void)
{
	initscr();
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
}

void
screen_close(void)
{
	endwin();
}

/* ncurses learns of it by a signal, and may ask before there is an answer. */
static void
follow_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0 && is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
}

void
screen_show(const char *text)
{
	int line = 0;

	follow_size();
	erase();
	while (*text != '\0') {
		int length = (int)strcspn(text, "\n");

		if (line >= first && line - first < LINES - 1)
			mvaddnstr(line - first, 0, text,
				  length < COLS ? length : COLS);
		text += length;
		text += *text == '\n';
		line++;
	}
	lines = line;
	attron(A_REVERSE);
	mvaddnstr(LINES - 1, 0, "q quit, arrows scroll, any other key now",
		  COLS);
	attroff(A_REVERSE);
	refresh();
}

bool
screen_wait(int ms)
{
	int key;

	timeout(ms);
	key = getch();
	if (key == KEY_DOWN && first < lines - 1)
		first++;
	else if (key == KEY_UP && first > 0)
		first--;
	return key != 'q' && key != 'Q' && key != 27;
}

#else

bool
screen_exists(void)
{
	return false;
}

void
screen_open(void)
{
}

void
screen_close(void)
{
}

void
screen_show(const char *text)
{
	(void)text;
}

bool
screen_wait(int ms)
{
	(void)ms;
	return false;
}

#endif
