/*
 * Two samples as lines of text, for a terminal and for a pipe alike.
 */
#ifndef TOP_TABLE_H
#define TOP_TABLE_H

#include "sample.h"

#include <stdio.h>

/* Write what there is now, and by the sample before it what there was a
 * second. */
void table_write(FILE *file, const struct sample *before,
		 const struct sample *now);

#endif
