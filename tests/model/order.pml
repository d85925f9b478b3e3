/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One order from the cluster to its end: a worker that may die at any step, its journal,
 * a network that loses and delays, a broker that answers late or shows an order late.
 * README.md says what stands for what in worker/trading/orders.c, and what is assumed.
 *
 * What must hold in all states:
 *   - the broker never has more than one order of this id (asserted in take());
 *   - the broker has no order that the journal does not know (monitor `recorded`);
 *   - in the end the order is at the broker and the journal says so, or it is not and the
 *     journal says that (asserted at the worker's end; LTL `ends`: it gets there).
 *
 * Macros: DEDUP, what the broker does with a second order of the same id (FOREVER, REPLAY,
 * OPEN_ONLY, NO_DEDUP); and mistakes that the checks must find: NO_LOOKUP, SEND_FIRST,
 * TRUST_INTENT, LOST_IS_FAILED, NO_WATCH, DENIED_IS_FINAL, RESEND_ANYWHERE, TIME_CLOSES, DEAF.
 */
#define FOREVER 1   /* refused */
#define REPLAY 2    /* answered as the first was */
#define OPEN_ONLY 3 /* refused while the first is open */
#define NO_DEDUP 4  /* a second order */

#ifndef DEDUP
#define DEDUP FOREVER
#endif
#ifndef CRASHES
#define CRASHES 2 /* deaths of the worker */
#endif
#ifndef POSTS
#define POSTS 3 /* requests with the order that can leave, in all lives together */
#endif
#ifndef FAILURES
#define FAILURES 2 /* look-ups that come back with anything but an answer */
#endif
#define NOBODY POSTS /* no request is waited for */

#if DEDUP == FOREVER || DEDUP == REPLAY || defined(RESEND_ANYWHERE)
#define SAFE_TO_REPEAT true
#else
#define SAFE_TO_REPEAT false
#endif

/* An order's status: enum order_status. The broker's own word (open to rejected) is AT_BROKER. */
mtype = { NONE, INTENT, SENT, AT_BROKER, REJECTED, REFUSED, EXPIRED };

/* What becomes known of it: enum order_event. */
mtype = { SILENCE, KNOWN, NOT_TAKEN, LOST, DUPLICATE, DENIED, NOT_FOUND, FAILED };

/* Time: younger than max_age; older; the broker's day is over; so is the watch, whether
 * the worker was up meanwhile or not. */
mtype = { FRESH, OLD, CLOSED, OVER };

/* Where the worker is. */
mtype = { BEGIN, CREATE, ACT, POST, SEND, AWAIT, ASK, AWAIT_LOOK, WATCH, DONE };

/* The journal: what survives. */
mtype j_status = NONE;
byte j_unproven = 0;
bool j_duplicate = false;

/* The world. */
mtype phase = FRESH;
bool stopped = false; /* a latch: hold, panic, a limit */
byte left = 0;	      /* requests that have left so far */
bool flying[POSTS];   /* of them, those that are still under way */
byte waited_for = NOBODY;
mtype answer = SILENCE; /* to the request that is waited for */
bool asked = false;	/* a look-up is under way */
mtype found = SILENCE;	/* its answer */
bool late = false;	/* it was given after the watch was over */

/* The broker. */
byte orders = 0;	/* it has, of this id */
bool is_open = false;	/* the last of them can still be filled */
bool visible = false;	/* look-ups show it */

bool ended = false;
byte crashes = 0;
#ifndef DEAF
byte failures = 0;
#endif

inline say(number, what)
{
	if
	:: waited_for == number -> answer = what
	:: true /* the answer is lost on the way */
	fi
}

inline accept(number)
{
	orders++;
	assert(orders <= 1);
	is_open = true;
	visible = false;
	say(number, KNOWN)
}

/* A request arrives. */
inline take(number)
{
	flying[number] = false;
	if
	:: orders > 0 && (DEDUP == FOREVER || (DEDUP == OPEN_ONLY && is_open)) ->
		say(number, DUPLICATE)
	:: orders > 0 && DEDUP == REPLAY -> say(number, KNOWN)
	:: orders == 0 || DEDUP == NO_DEDUP || (DEDUP == OPEN_ONLY && !is_open) ->
		if
		:: accept(number)
		:: say(number, DENIED)
		fi
	fi
}

/* What becomes of a request under way. */
inline arrive(number)
{
	if
	:: take(number)
	:: flying[number] = false; say(number, NOT_TAKEN) /* 429, 401, or not a byte left */
	:: flying[number] = false			  /* lost before it arrived */
	fi
}

#define UNDER_WAY(number) (flying[number] && phase != CLOSED && phase != OVER)

active proctype broker()
{
end:	do
	:: atomic { UNDER_WAY(0) -> arrive(0) }
#if POSTS > 1
	:: atomic { UNDER_WAY(1) -> arrive(1) }
#endif
#if POSTS > 2
	:: atomic { UNDER_WAY(2) -> arrive(2) }
#endif
	:: atomic { orders > 0 && !visible -> visible = true }
	:: atomic { orders > 0 && is_open -> is_open = false }
	:: atomic {
		asked && found == SILENCE ->
		if
		:: orders > 0 && visible -> found = KNOWN
		:: orders == 0 || !visible -> found = NOT_FOUND
#ifdef DEAF
		:: found = FAILED
#else
		:: failures < FAILURES -> failures++; found = FAILED
#endif
		fi;
		late = (phase == OVER)
	   }
	od
}

/* The broker's day ends with nothing under way and nothing hidden; the watch ends behind
 * that, and waits for nobody. */
active proctype clock()
{
	atomic { phase == FRESH -> phase = OLD }
	atomic {
		phase = CLOSED;
		flying[0] = false;
#if POSTS > 1
		flying[1] = false;
#endif
#if POSTS > 2
		flying[2] = false;
#endif
		visible = orders > 0
	}
	phase = OVER
}

active proctype operator()
{
	if
	:: stopped = true
	:: true
	fi
}

/* In memory: what a life of the worker knows, and loses. */
mtype pc = BEGIN;
mtype status = NONE;
byte unproven = 0, missing = 0;
bool duplicate = false, denied = false;
bool dirty = false; /* the journal is to be written before anything else happens */

/* The next thing the worker does, once the journal has it. */
inline become(new_status, next)
{
	status = new_status;
	missing = 0;
	dirty = true;
	pc = next
}

inline forget()
{
	status = NONE;
	unproven = 0;
	missing = 0;
	duplicate = false;
	denied = false;
	dirty = false;
	waited_for = NOBODY;
	answer = SILENCE;
	asked = false;
	found = SILENCE;
	late = false;
	pc = BEGIN
}

/* An unknown fate. */
inline unknown()
{
	missing = 0;
#ifdef LOST_IS_FAILED
	become(REJECTED, DONE)
#else
#ifdef NO_LOOKUP
	pc = POST
#else
	pc = ASK
#endif
#endif
}

inline adopt()
{
	duplicate = false;
	denied = false;
	become(AT_BROKER, DONE)
}

/* sent_not_found(): the second look of an unbroken row is the one after `settle`. */
inline not_found()
{
	if
	:: status == EXPIRED && late -> unproven = 0; dirty = true; pc = WATCH
	:: status == EXPIRED && !late -> pc = WATCH
	:: status == SENT ->
		if
		:: missing == 0 -> missing = 1; pc = ACT
		:: else ->
			if
			:: duplicate -> pc = ACT /* held: it is there, and not shown */
			:: !duplicate && (denied || phase != FRESH) -> become(EXPIRED, WATCH)
			:: !duplicate && !denied && phase == FRESH && stopped -> pc = ACT
			:: !duplicate && !denied && phase == FRESH && !stopped && !SAFE_TO_REPEAT -> pc = ACT /* held */
			:: !duplicate && !denied && phase == FRESH && !stopped && SAFE_TO_REPEAT -> pc = POST
			fi
		fi
	fi
}

active proctype worker()
{
	do
	/* Death, at any moment: also between a change and its way to the journal. */
	:: atomic { pc != DONE && crashes < CRASHES -> crashes++; forget() }

	:: atomic { dirty -> j_status = status; j_unproven = unproven; j_duplicate = duplicate; dirty = false }

	/* A life begins with the journal. */
	:: atomic {
		!dirty && pc == BEGIN ->
		status = j_status;
		unproven = j_unproven;
		duplicate = j_duplicate;
		if
		:: status == NONE -> pc = CREATE
		:: status == INTENT ->
#if defined(TRUST_INTENT) || defined(NO_LOOKUP)
			pc = ACT
#else
			unproven = 1;
			become(SENT, ASK)
#endif
		:: status == SENT -> unknown()
		:: status == EXPIRED -> pc = WATCH
		:: status == AT_BROKER || status == REJECTED || status == REFUSED -> pc = DONE
		fi
	   }

	/* The cluster: it may lead to an order, and after a crash perhaps not to the same. */
	:: atomic { !dirty && pc == CREATE -> pc = DONE }
	:: atomic {
		!dirty && pc == CREATE ->
#ifdef SEND_FIRST
		status = SENT; unproven = 1; pc = SEND
#else
		become(INTENT, ACT)
#endif
	   }

	/* ORDER_EVENT_TIME */
	:: atomic {
		!dirty && pc == ACT ->
		if
		:: status == INTENT && phase != FRESH -> become(EXPIRED, DONE)
		:: status == INTENT && phase == FRESH && stopped -> become(REFUSED, DONE)
		:: status == INTENT && phase == FRESH && !stopped -> pc = POST
		:: status == SENT -> pc = ASK
		fi
	   }

	/* ORDER_EVENT_POSTING: the first needs no write of its own, since a new life takes
	 * every intent for sent; a second one does. */
	:: atomic {
		!dirty && pc == POST && left < POSTS ->
		dirty = (status == SENT);
		status = SENT;
		unproven++;
		missing = 0;
		denied = false;
		pc = SEND
	   }
	:: atomic { !dirty && pc == POST && left == POSTS && phase != FRESH -> pc = ACT }
	:: atomic {
		!dirty && pc == SEND && left < POSTS ->
		waited_for = left;
		answer = SILENCE;
		flying[left] = true;
		left++;
		pc = AWAIT
	   }
	:: atomic { !dirty && pc == SEND && left == POSTS -> unknown() }

	:: atomic {
		!dirty && pc == AWAIT ->
		if
		:: answer == KNOWN -> adopt()
		:: answer == DUPLICATE ->
#ifdef NO_LOOKUP
			become(REJECTED, DONE)
#else
			duplicate = true; become(SENT, ASK)
#endif
		:: answer == DENIED && unproven == 1 -> become(REJECTED, DONE)
#ifdef DENIED_IS_FINAL
		:: answer == DENIED && unproven > 1 -> become(REJECTED, DONE)
#else
		:: answer == DENIED && unproven > 1 -> denied = true; become(SENT, ASK)
#endif
		:: answer == NOT_TAKEN ->
			unproven--;
			if
			:: unproven == 0 -> become(INTENT, ACT)
			:: else -> become(SENT, ACT)
			fi
		:: answer == SILENCE -> unknown() /* time-out, reset, 5xx, garbage */
		fi;
		answer = SILENCE;
		waited_for = NOBODY
	   }

	:: atomic { !dirty && pc == ASK -> asked = true; found = SILENCE; pc = AWAIT_LOOK }
	:: atomic {
		!dirty && pc == AWAIT_LOOK && found != SILENCE ->
		if
		:: found == KNOWN -> adopt()
		:: found == NOT_FOUND -> not_found()
		:: found == FAILED ->
			missing = 0;
			if
			:: status == EXPIRED -> pc = WATCH
			:: else -> pc = ACT
			fi
		fi;
		asked = false;
		found = SILENCE;
		late = false
	   }

	/* order_is_watched() */
#ifdef NO_WATCH
	:: atomic { !dirty && pc == WATCH -> pc = DONE }
#else
#ifdef TIME_CLOSES
	:: atomic { !dirty && pc == WATCH && unproven > 0 && phase != OVER -> pc = ASK }
	:: atomic { !dirty && pc == WATCH && (unproven == 0 || phase == OVER) -> pc = DONE }
#else
	:: atomic { !dirty && pc == WATCH && unproven > 0 -> pc = ASK }
	:: atomic { !dirty && pc == WATCH && unproven == 0 -> pc = DONE }
#endif
#endif

	:: atomic { !dirty && pc == DONE -> break }
	od;
	ended = true;
	/* What is under way can still arrive where nobody looks any more. */
	phase == CLOSED || phase == OVER;
	assert(j_status != INTENT && j_status != SENT);
	assert((orders == 1) == (j_status == AT_BROKER));
}

/* The journal knows of an order before the broker can have it. */
active proctype recorded()
{
end:	atomic { orders > 0 && j_status == NONE -> assert(false) }
}

ltl ends { <> ended }
