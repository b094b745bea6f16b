/*
 * Tell which gyre this is.
 *
 * The macros say what a program was compiled against, the functions what it
 * runs with.
 */
#ifndef GYRE_VERSION_H
#define GYRE_VERSION_H

#include <gyre/base.h>

#define GYRE_VERSION_MAJOR 0
#define GYRE_VERSION_MINOR 1
#define GYRE_VERSION_PATCH 0
#define GYRE_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Return the version of the library that is loaded, such as "0.1.0".
 *
 * Thread: any
 */
GYRE_API const char *gyre_version(void);

#ifdef __cplusplus
}
#endif

#endif
