/*
 * The inbox's protocol (bus/inbox.c): three producers and one owner, on x86's
 * memory.
 *
 * Each producer pushes a task, and one of them two: producer 0 a chain of two;
 * with -DTWICE, one after the other; with -DREUSE, producer 2 pushes the same
 * node again once it has run. The owner takes, runs, polls, arms and sleeps as
 * a loop does; a sleep may be ended by something else than the bell; and the
 * owner closes at any time when it is awake, or armed and not yet asleep.
 *
 * A step is a load, a locked operation, a ring, or a store that drains; what
 * nobody else can see (a store into the own buffer, a walk along a chain that
 * was taken) belongs to the step before it.
 *
 * What must hold is asserted where it happens; that nobody waits for ever is
 * the checker's own rule: no invalid end states. The script `spin` beside this
 * file plants bugs in it, each of which must be found.
 */
#define PRODUCERS 3
#define OWNER	  PRODUCERS
#define TASKS	  4

/* What the head may be; a task is its number, from 1 to TASKS. */
#define NIL	   0
#define ARMED	   (TASKS + 1)
#define CLOSED	   (TASKS + 2)
#define POISON	   (TASKS + 3) /* what is in a task that has run */
#define IS_TASK(x) ((x) != NIL && (x) <= TASKS)

#define MESSAGES 4

/* The words of memory. */
#define HEAD	    0
#define LINK(task) (task)      /* its _next, for all of its fields */
#define RINGS	   (TASKS + 1) /* rings that are over */
#define FATE	   (TASKS + 2) /* what became of task 4 */
#define WORDS	   (TASKS + 3)
#define DEPTH	   2

#define RAN	1
#define DROPPED 2

#include "tso.pml"

/* -- the bell: a descriptor, edge-triggered ------------------------------ */

bool edge; /* rung since the owner last polled */
bool bell_is_closed;

/* -- what the owner alone writes; elsewhere it is for assertions --------- */

byte owed; /* arms - self_disarms: the rings that there must be */
bool asleep;
byte next_of_0 = 1; /* producer 0's next task */

/* -- what the checker knows ---------------------------------------------- */

byte bell_rings;
byte ringers; /* have replaced ARMED and not rung yet */
bool waits[TASKS + 1];
byte accepted;
byte refused;
byte ran;
byte dropped;
byte ended;

/* -- producers ----------------------------------------------------------- */

inline accept()
{
	assert(!waits[newest] && !waits[oldest]);
	waits[newest] = true;
	waits[oldest] = true;
	accepted = accepted + (newest == oldest -> 1 : 2);
	if
	:: seen == ARMED -> ringers++
	:: else -> seen = NIL
	fi
}

inline link()
{
	if
	:: seen == CLOSED
	:: else -> store(LINK(oldest), (seen == ARMED -> NIL : seen))
	fi
}

inline ring_bell()
{
	d_step {
		assert(!bell_is_closed);
		assert(bell_rings < owed); /* at most one an arm */
		bell_rings++;
		ringers--;
		edge = true
	}
}

/* What follows the first look at the head and the first link. After it `seen`
 * is ARMED if that was replaced, CLOSED if the push was refused. */
inline push()
{
	do
	:: atomic {
		seen == CLOSED ->
		refused = refused + (newest == oldest -> 1 : 2);
		break
	   }
	:: atomic {
		seen != CLOSED && IS_DRAINED ->
		compare_and_swap(HEAD, seen, newest, found);
		if
		:: found == seen ->
			found = NIL;
			accept();
			break
		:: else ->
			seen = found;
			found = NIL;
			link()
		fi
	   }
	od;
	if
	:: seen == ARMED -> ring_bell(); add_one(RINGS)
	:: else
	fi
}

inline push_one(task)
{
	atomic {
		newest = task;
		oldest = task;
		load(HEAD, seen);
		link()
	};
	push()
}

inline push_chain(second, first)
{
	atomic {
		newest = second;
		oldest = first;
		store(LINK(second), first);
		load(HEAD, seen);
		link()
	};
	push()
}

proctype producer(byte me)
{
	byte newest;
	byte oldest;
	byte seen;
	byte found;
	bool was_refused;

	if
	:: me == 0 ->
#if defined(TWICE)
		push_one(1);
		was_refused = (seen == CLOSED);
		push_one(2);
		assert(!was_refused || seen == CLOSED) /* for good */
#elif defined(REUSE)
		push_one(1)
#else
		push_chain(2, 1)
#endif
	:: me == 1 -> push_one(3)
	:: me == 2 ->
		push_one(4);
#ifdef REUSE
		if
		:: seen == CLOSED -> refused++
		:: seen != CLOSED && memory[FATE] == RAN -> push_one(4)
		:: seen != CLOSED && memory[FATE] == DROPPED -> refused++
		fi
#endif
	fi;
	atomic {
		IS_DRAINED ->
		newest = NIL;
		oldest = NIL;
		seen = NIL;
		was_refused = false;
		ended++
	}
}

/* -- the owner ----------------------------------------------------------- */

/* Onto the chain, from the newest to the oldest, as append_reversed() does. */
inline append_reversed()
{
	do
	:: seen == NIL -> break
	:: else ->
		assert(IS_TASK(seen));
		older = memory[LINK(seen)];
		memory[LINK(seen)] = chain;
		chain = seen;
		seen = older
	od
}

/* Run or drop the chain: each task once, in its producer's order, with its
 * field as it was stored before the push. */
inline finish(fate, count)
{
	do
	:: chain == NIL -> break
	:: else ->
		assert(waits[chain]);
		waits[chain] = false;
		if
		:: chain <= 2 ->
			assert(chain == next_of_0);
			next_of_0++
		:: else
		fi;
		count++;
		if
#ifdef REUSE
		:: chain == 4 -> store(FATE, fate)
#endif
		:: else
		fi;
		older = memory[LINK(chain)];
		memory[LINK(chain)] = POISON;
		chain = older
	od;
	older = NIL
}

inline take_and_run()
{
	load(HEAD, seen);
	if
	:: seen == NIL
	:: atomic {
		seen != NIL && IS_DRAINED ->
		swap(HEAD, NIL, seen);
		if
		:: seen == ARMED -> owed--; seen = NIL
		:: else -> append_reversed()
		fi;
		finish(RAN, ran)
	   }
	fi
}

inline arm()
{
	atomic {
		IS_DRAINED ->
		compare_and_swap(HEAD, NIL, ARMED, seen);
		assert(seen != ARMED); /* nobody rings for who is awake */
		asleep = (seen == NIL);
		owed = owed + asleep;
		seen = NIL
	}
}

/* Which event ends it is chosen before, so that a bell that is never rung is
 * a wait for ever. */
inline sleep()
{
	if
	:: others > 0 -> others--
	:: true -> edge
	fi
}

/* A poll takes the edge, whatever ended it. Counters of which only the
 * difference matters start again when they are even, which leaves fewer
 * states. */
inline wake_up()
{
	d_step {
		edge = false;
		asleep = false;
		if
		:: memory[RINGS] == owed && bell_rings == owed ->
			memory[RINGS] = 0;
			bell_rings = 0;
			owed = 0
		:: else
		fi
	}
}

inline close_and_drop()
{
	atomic {
		IS_DRAINED ->
		asleep = false;
		swap(HEAD, CLOSED, seen);
		assert(seen != CLOSED);
		if
		:: seen == ARMED -> owed--; seen = NIL
		:: else -> append_reversed()
		fi
	};
	atomic {
		memory[RINGS] == owed -> /* waits until every ring is over */
		bell_is_closed = true;
		finish(DROPPED, dropped)
	}
}

proctype owner(byte me)
{
	byte seen;
	byte older;
	byte chain;
	byte others = 1; /* events that are not the bell */

	do
	:: break
	:: take_and_run();
	   if
	   :: true /* something else is to be done: it polls, without waiting */
	   :: arm();
	      if
	      :: !asleep
	      :: asleep && ran < MESSAGES -> sleep()
	      :: asleep -> break /* closes, armed */
	      fi
	   fi;
	   wake_up()
	od;
	close_and_drop();
	IS_DRAINED -> ended++
}

/* -- the laws that are about no one step --------------------------------- */

/* No sleep with work waiting, unless who will end it is under way. */
active proctype sleeper()
{
end:
	atomic {
		asleep && IS_TASK(memory[HEAD]) && !edge && ringers == 0 ->
		assert(false)
	}
}

init
{
	atomic {
		run producer(0);
		run producer(1);
		run producer(2);
		run owner(OWNER)
	};
	ended == PRODUCERS + 1;
	assert(accepted + refused == MESSAGES);
	assert(ran + dropped == accepted);
	assert(!waits[1] && !waits[2] && !waits[3] && !waits[4]);
	assert(bell_rings == owed && memory[RINGS] == owed);
	assert(memory[HEAD] == CLOSED)
}
