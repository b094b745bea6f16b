/*
 * The refused design: whether the owner sleeps is a flag beside the queue.
 *
 * Three producers, each with a queue of its own to the owner, as in a matrix
 * of rings: a push is a plain store of the queue's tail. The owner takes,
 * sets the flag, looks at the queues once more and sleeps until the bell
 * rings. Whoever sees the flag set after its push takes it and rings.
 *
 * -DFENCED_PUSH, -DFENCED_SLEEP  a fence between the store and the look
 * -DUNCHECKED                    the owner sleeps without the second look
 * -DCHECKED_FIRST                it looks before it sets the flag
 * -DCLEARED_AFTER_RING           the flag is cleared by who has rung, after it
 *
 * With both fences and none of the others it holds, at a price that the inbox
 * does not pay.
 */
#define PRODUCERS 3
#define OWNER	  PRODUCERS
#define PUSHES	  4 /* two of producer 0, one of the others */

#define TAIL(producer) (producer)
#define FLAG	       PRODUCERS
#define WORDS	       (PRODUCERS + 1)
#define DEPTH	       3

#include "tso.pml"

bool edge; /* the bell, rung since the owner last looked */
byte taken;

proctype producer(byte me; byte pushes)
{
	byte pushed;
	byte seen;

	do
	:: pushed == pushes -> break
	:: else ->
		pushed++;
		store(TAIL(me), pushed);
#ifdef FENCED_PUSH
		fence();
#endif
		load(FLAG, seen);
		if
		:: seen == 0
		:: else ->
#ifdef CLEARED_AFTER_RING
			edge = true;
			store(FLAG, 0);
			seen = 0
#else
			swap(FLAG, 0, seen);
			if
			:: seen == 0
			:: else -> atomic { edge = true; seen = 0 }
			fi
#endif
		fi
	od
}

/* `waiting` becomes how many pushes it has not taken yet. */
inline look()
{
	atomic {
		waiting = 0;
		load(TAIL(0), waiting)
	};
	atomic {
		load(TAIL(1), seen);
		waiting = waiting + seen
	};
	atomic {
		load(TAIL(2), seen);
		waiting = waiting + seen - taken;
		seen = 0
	}
}

proctype owner(byte me)
{
	byte waiting;
	byte seen;

	do
	:: taken == PUSHES -> break
	:: else ->
		look();
		if
		:: waiting > 0 -> taken = taken + waiting
		:: else ->
#ifdef CHECKED_FIRST
			look();
#endif
			store(FLAG, 1);
#ifdef FENCED_SLEEP
			fence();
#endif
#if !defined(UNCHECKED) && !defined(CHECKED_FIRST)
			look();
#endif
			if
			:: waiting > 0 -> atomic { swap(FLAG, 0, seen); seen = 0 }
			:: else ->
				edge; /* sleeps until rung */
				edge = false
			fi
		fi
	od
}

init
{
	atomic {
		run producer(0, 2);
		run producer(1, 1);
		run producer(2, 1);
		run owner(OWNER)
	}
}
