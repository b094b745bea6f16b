/*
 * Memory as x86 has it. A store waits in its thread's buffer, first in, first
 * out, and reaches memory at any later time; a load looks into its own
 * thread's buffer first; a locked operation and a fence wait until that is
 * empty. With -DSEQUENTIAL a store reaches memory at once.
 *
 * Each operation is one step, and a drain of one store is one. The including
 * model defines WORDS, how many words memory has, and DEPTH, the most stores
 * that wait in a buffer: that they are never more is asserted, so the bound
 * takes nothing away. A thread's proctype has a parameter `me`, below THREADS.
 */
#define THREADS 4

byte memory[WORDS];

#ifdef SEQUENTIAL

#define IS_DRAINED true

inline store(at, new)
{
	memory[at] = new
}

inline load(at, ret)
{
	ret = memory[at]
}

#else

typedef store_buffer {
	byte used;
	byte address[DEPTH];
	byte value[DEPTH]
};

store_buffer buffers[THREADS];
hidden byte i; /* for use within one d_step */

#define IS_DRAINED (buffers[me].used == 0)

inline store(at, new)
{
	d_step {
		assert(buffers[me].used < DEPTH);
		buffers[me].address[buffers[me].used] = at;
		buffers[me].value[buffers[me].used] = new;
		buffers[me].used++
	}
}

inline load(at, ret)
{
	d_step {
		i = 0;
		do
		:: i == buffers[me].used || buffers[me].address[i] == at ->
			break
		:: else -> i++
		od;
		if
		:: i == buffers[me].used -> ret = memory[at]
		:: else ->
			do /* the newest of its own */
			:: i == buffers[me].used -> break
			:: i < buffers[me].used &&
			   buffers[me].address[i] == at ->
				ret = buffers[me].value[i];
				i++
			:: else -> i++
			od
		fi
	}
}

#define DRAIN(thread)                                                          \
	d_step {                                                               \
		buffers[thread].used > 0 ->                                    \
		memory[buffers[thread].address[0]] = buffers[thread].value[0]; \
		buffers[thread].used--;                                        \
		i = 0;                                                         \
		do                                                             \
		:: i == buffers[thread].used -> break                          \
		:: else ->                                                     \
			buffers[thread].address[i] =                           \
				buffers[thread].address[i + 1];                \
			buffers[thread].value[i] =                             \
				buffers[thread].value[i + 1];                  \
			i++                                                    \
		od;                                                            \
		buffers[thread].address[i] = 0;                                \
		buffers[thread].value[i] = 0                                   \
	}

active proctype drain()
{
end:
	do
	:: DRAIN(0)
	:: DRAIN(1)
	:: DRAIN(2)
	:: DRAIN(3)
	od
}

#endif

inline fence()
{
	IS_DRAINED
}

/* Found is what was there; it was replaced if that is what was expected. */
inline compare_and_swap(at, expected, new, ret_found)
{
	d_step {
		IS_DRAINED ->
		ret_found = memory[at];
		if
		:: ret_found == expected -> memory[at] = new
		:: else
		fi
	}
}

inline swap(at, new, ret_found)
{
	d_step {
		IS_DRAINED ->
		ret_found = memory[at];
		memory[at] = new
	}
}

inline add_one(at)
{
	d_step {
		IS_DRAINED ->
		memory[at] = memory[at] + 1
	}
}
