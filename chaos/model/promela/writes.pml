/*
 * Clients write, standbys stream, and PostgreSQL acknowledges what enough members have flushed. It acknowledges on its own: no agent is asked,
 * whatever the agents have decided meanwhile. That is why the fence has to take the flushes away. A write counts as acknowledged, too, when a later
 * primary has inherited it and its own set has flushed it: from then on a session there may have seen it, and relied on it.
 */

inline client_writes(n)
{
  d_step {
    LIVES(n) && !healed && node[n].primary && written < WRITES && node[n].length < WAL_SIZE - 1 ->
    written++;
    append(n, ENTRY(OWN_TIMELINE(n), written));
    place[written] = node[n].length;
    invoked_after[written] = newest_ack;
#if OWN_ACKS
    begun_on[written] = n;
#endif
    SAY("STEP PostgreSQL: a client writes %d on @n%d, at @p%d\n", written, n, POSITION(n))
  }
}

/* One entry at a time, so that standbys can be behind each other. */
inline stream(n)
{
  d_step {
    LIVES(n) && !node[n].primary && node[n].upstream != NOBODY && LIVES(node[n].upstream) &&
    node[n].length < node[node[n].upstream].length ->
    append(n, node[node[n].upstream].wal[node[n].length + 1]);
    if
    :: node[node[n].upstream].primary -> node[node[n].upstream].flushed[n] = node[n].length
    :: else
    fi;
    SAY("STEP PostgreSQL: @n%d streams from @n%d and flushes up to @p%d\n", n, node[n].upstream, POSITION(n))
  }
}

/* At least k of the set's members have reported a flush at or past the place. */
#define HAS_FLUSHED(n, m, set, l) (IN(m, MEMBERS(set)) && node[n].flushed[m] >= (l))
#define ENOUGH_FLUSHED(n, set, l) \
  ((HAS_FLUSHED(n, 0, set, l) + HAS_FLUSHED(n, 1, set, l) + HAS_FLUSHED(n, 2, set, l)) >= K(set))

#if WALSENDERS
/* P7.6: each walsender decides with its own copy of the setting, on the reply of its own standby. A backend looks at '' for itself. */
#define COPY(n, m) (IN(m, node[n].switched) -> node[n].file : node[n].older)
#define RELEASED_BY(n, m, l) (HAS_FLUSHED(n, m, COPY(n, m), l) && ENOUGH_FLUSHED(n, COPY(n, m), l))
#define WAIT_IS_OVER(n, l) \
  (node[n].file == NO_SET || node[n].deciding == NO_SET || RELEASED_BY(n, 0, l) || RELEASED_BY(n, 1, l) || RELEASED_BY(n, 2, l))
#else
/* Until a value is proven, the older one may decide as well. */
#define WAIT_IS_OVER(n, l) (ENOUGH_FLUSHED(n, node[n].file, l) || ENOUGH_FLUSHED(n, node[n].deciding, l))
#endif

#define WAITS(n, id)           (id <= written && !IS_ACKNOWLEDGED(id) && HOLDS(n, id))
#define IS_FIRST_WAITER(n, id) (WAITS(n, id) && (id < 2 || !WAITS(n, 1)) && (id < 3 || !WAITS(n, 2)))

#if OWN_ACKS
#define MAY_ACKNOWLEDGE(n, id) (begun_on[id] == (n))

inline session_ends(n, id)
{
  if
  :: id <= written && begun_on[id] == n -> begun_on[id] = NOBODY
  :: else
  fi
}
#else
#define MAY_ACKNOWLEDGE(n, id) true
#endif

/* I4: a write that began after an acknowledgement in a newer epoch is never acknowledged in an older one. */
inline acknowledge(n, id)
{
  d_step {
    LIVES(n) && node[n].primary && IS_FIRST_WAITER(n, id) && MAY_ACKNOWLEDGE(n, id) && WAIT_IS_OVER(n, place[id]) ->
    acknowledged = acknowledged | (1 << id);
    SAY("STEP PostgreSQL: @n%d acknowledges %d in epoch %d\n", n, id, node[n].epoch);
    if
    :: node[n].epoch < invoked_after[id] ->
       SAY("HARM I4: write %d began after an acknowledgement in epoch %d, and @n%d acknowledges it in epoch %d: two primaries acknowledge\n",
           id, invoked_after[id], n, node[n].epoch);
       assert(false)
    :: else
    fi;
    newest_ack = MAX(newest_ack, node[n].epoch)
  }
}
