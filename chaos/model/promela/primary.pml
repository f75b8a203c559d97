/*
 * From a committed claim to a primary, back to a primary after a crash, and out of the way (PROTOCOL T3 to T6, T10, P4.4). A start or promotion is
 * decided in one step and carried out in a later one: between the two an agent may be frozen for as long as it likes, and the world moves on.
 */

inline forget_followers(n)
{
  node[n].flushed[0] = 0;
  node[n].flushed[1] = 0;
  node[n].flushed[2] = 0
}

inline connection_ends(n, follower)
{
  if
  :: node[follower].upstream == n -> node[follower].upstream = NOBODY
  :: else
  fi
}

/* PostgreSQL of n ends: its sessions and its walsenders with it. The setting on disk stays. */
inline postgres_ends(n)
{
  node[n].primary = 0;
  node[n].epoch = 0;
  node[n].accepted_set = 0;
  node[n].proven_at = 0;
  node[n].deciding = node[n].file;
#if OWN_ACKS
  session_ends(n, 1);
  session_ends(n, 2);
  session_ends(n, 3);
#endif
  forget_followers(n);
  connection_ends(n, 0);
  connection_ends(n, 1);
  connection_ends(n, 2)
}

inline standby_attached_while_promoting(n, m)
{
  if
  :: node[m].upstream == n -> node[n].flushed[m] = node[m].length
  :: else
  fi
}

inline becomes_primary(n)
{
  node[n].primary = 1;
  node[n].upstream = NOBODY;
  node[n].epoch = node[n].decided;
  node[n].decided = 0;
  node[n].decided_timeline = 0;
  node[n].proven_at = node[n].length;
#if WALSENDERS
  node[n].switched = 7;
  node[n].older = node[n].file;
#endif
  standby_attached_while_promoting(n, 0);
  standby_attached_while_promoting(n, 1);
  standby_attached_while_promoting(n, 2)
}

/* --- T4: promote. ---------------------------------------------------------------------------------------------------------------- */

inline t4_decide_to_promote(n)
{
  d_step {
    LIVES(n) && !node[n].lost && !node[n].primary && record.holder == n && record.state == promoting &&
    !node[n].decided && !UNSETTLED(n) && OWN_TIMELINE(n) != record.timeline &&
    GUARD(T4_PROMISED, node[n].promised <= record.epoch) &&
    GUARD(FORK_IS_FLOOR, POSITION(n) == record.floor) ->
    node[n].decided = record.epoch;
    node[n].decided_timeline = record.timeline;
    node[n].promised = MAX(node[n].promised, record.epoch);
    node[n].accepted_set = record.set;
    node[n].upstream = NOBODY;
    node[n].file = record.set;
    node[n].deciding = (WITHOUT_SET_BEFORE_PROMOTION -> NO_SET : record.set);
    SAY("STEP T4: @n%d puts the claimed set @s%d in force and decides to promote in epoch %d\n", n, node[n].file, node[n].decided)
  }
}

inline t4_promote(n)
{
  d_step {
    LIVES(n) && node[n].decided && node[n].decided_timeline && !node[n].primary && node[n].length < WAL_SIZE - 1 &&
    GUARD(PROMOTE_PROMISED, node[n].promised <= node[n].decided) ->
    if
    :: WITHOUT_RESERVED_TIMELINE -> node[n].decided_timeline = OWN_TIMELINE(n) + 1
    :: else
    fi;
    append(n, ENTRY(node[n].decided_timeline, SWITCH_BY(n)));
    becomes_primary(n);
    SAY("STEP T4: @n%d is promoted in epoch %d, to @p%d\n", n, node[n].epoch, POSITION(n))
  }
}

/* --- T5: restart in place. -------------------------------------------------------------------------------------------------------- */

/* Of serving; or of promoting, when its own promotion has begun, which is when its WAL is on the reserved timeline. */
#define MAY_RESTART_IN_STATE(n) \
  (record.state == serving || (record.state == promoting && OWN_TIMELINE(n) == record.timeline) || \
   (WITHOUT_COMMITTED_ABORT && record.state == handing_over))

inline t5_decide_to_restart(n)
{
  d_step {
    AT_REST(n) && record.holder == n && MAY_RESTART_IN_STATE(n) && GUARD(UNKNOWN_START, !UNSETTLED(n)) &&
    GUARD(T5_PROMISED, node[n].promised <= record.epoch) &&
    GUARD(T5_TIMELINE, OWN_TIMELINE(n) == record.timeline) &&
    GUARD(T5_SAFE_SET, IS_SAFE(record.set, node[n].file)) ->
    node[n].decided = record.epoch;
    node[n].accepted_set = record.set;
    SAY("STEP T5: @n%d decides to restart in place in epoch %d\n", n, node[n].decided)
  }
}

inline t5_start(n)
{
  d_step {
    LIVES(n) && node[n].decided && !node[n].decided_timeline && !node[n].primary &&
    GUARD(START_PROMISED, node[n].promised <= node[n].decided) ->
    becomes_primary(n);
    SAY("STEP T5: @n%d is restarted in place in epoch %d with the set @s%d\n", n, node[n].epoch, node[n].file)
  }
}

/* --- T6: serving. ----------------------------------------------------------------------------------------------------------------- */

inline t6_serve(n)
{
  d_step {
    LEADS(n) && record.state == promoting && MAY_SEND(n) && !UNSETTLED(n) && ENOUGH_FLUSHED(n, record.set, node[n].proven_at) ->
    copy_record_into_change(n);
    change[n].state = serving;
    SAY("STEP T6: the promotion of @n%d has reached enough members, it sends `serving`\n", n)
  }
}

/* --- P4.3, P4.4: attach. ---------------------------------------------------------------------------------------------------------------- */

#define IS_ABOUT_TO_PROMOTE(n)  (record.holder == (n) && record.state == promoting && !node[n].primary)
#define EPOCH_OF_UPSTREAM(n)    (node[n].primary -> node[n].epoch : record.epoch)

inline p4_4_attach(n, upstream_node)
{
  d_step {
    LIVES(n) && !node[n].lost && !node[n].primary && FOLLOWS_NOBODY(n) && !IS_CANDIDATE(n) && !UNSETTLED(n) &&
    LIVES(upstream_node) && !node[upstream_node].lost &&
    (node[upstream_node].primary || IS_ABOUT_TO_PROMOTE(upstream_node)) &&
    (!healed || (record.holder == upstream_node && EPOCH_OF_UPSTREAM(upstream_node) == record.epoch)) &&
    (record.holder != n || record.epoch < EPOCH_OF_UPSTREAM(upstream_node)) &&
    GUARD(FOLLOW_PROMISED, EPOCH_OF_UPSTREAM(upstream_node) >= node[n].promised) &&
    CONTAINS(upstream_node, POSITION(n)) ->
    i = node[n].length;
    assert_same_content(n, upstream_node, i);
    if
    :: !WITHOUT_ATTACH_CANCELS -> forget_decision(n)
    :: else
    fi;
    node[n].upstream = upstream_node;
    if
    :: !WITHOUT_ATTACH_PROMISES -> node[n].promised = MAX(node[n].promised, EPOCH_OF_UPSTREAM(upstream_node))
    :: else
    fi;
    node[n].file = NO_SET;
    node[n].deciding = NO_SET;
    if
    :: node[upstream_node].primary -> node[upstream_node].flushed[n] = node[n].length
    :: else
    fi;
#if WALSENDERS
    node[upstream_node].switched = node[upstream_node].switched | ONLY(n);
#endif
    SAY("STEP P4.4: @n%d attaches to @n%d in epoch %d, at @p%d\n",
        n, upstream_node, EPOCH_OF_UPSTREAM(upstream_node), POSITION(n))
  }
}

/* --- T10: a primary that sees a newer epoch stops, and a diverged standby is rewound. ---------------------------------------------- */

inline t10_stop(n)
{
  d_step {
    LIVES(n) && node[n].primary && (record.epoch > node[n].epoch || record.holder != n) &&
    !(record.holder == n && IS_LEADING_STATE) ->
    postgres_ends(n);
    SAY("STEP T10: @n%d sees that it is deposed and stops\n", n)
  }
}

inline t10_leave_upstream(n)
{
  d_step {
    LIVES(n) && node[n].upstream != NOBODY && node[n].upstream != record.holder ->
    SAY("STEP T10: @n%d leaves @n%d, which is not the holder\n", n, node[n].upstream);
    node[n].upstream = NOBODY
  }
}

inline t10_rewind(n)
{
  d_step {
    AT_REST(n) && record.holder != n && HOLDER_SERVES && !UNSETTLED(n) && node[n].promised <= record.epoch &&
    IS_OUTSIDE_RECORD(n) && IS_OUTSIDE_SET(n) && !CONTAINS(record.holder, POSITION(n)) ->
    common_by_timeline(n, record.holder, i);
    truncate(n, i);
    connection_ends(n, 0);
    connection_ends(n, 1);
    connection_ends(n, 2);
    assert_same_content(n, record.holder, i);
    SAY("STEP T10: @n%d archives its tail and is rewound to @p%d\n", n, POSITION(n))
  }
}

/* --- T3: re-enlist. Epoch only; timeline, floor and set stay (H11, H22). ------------------------------------------------------------ */

#define PROMISE_OF(n)   (LIVES(n) -> node[n].promised : 0)
#define HIGHEST_PROMISE MAX(PROMISE_OF(0), MAX(PROMISE_OF(1), PROMISE_OF(2)))

inline t3_running(n)
{
  d_step {
    LEADS(n) && !WITHOUT_RE_ENLISTING && MAY_SEND(n) && !UNSETTLED(n) &&
    HIGHEST_PROMISE > record.epoch && HIGHEST_PROMISE <= LAST_EPOCH ->
    copy_record_into_change(n);
    change[n].epoch = HIGHEST_PROMISE;
    SAY("STEP T3: members have promised above the epoch of @n%d, it sends epoch %d\n", n, change[n].epoch)
  }
}

/* The running holder learns that its own T3 is committed. */
inline t3_take_up(n)
{
  d_step {
    LIVES(n) && node[n].primary && record.holder == n && IS_LEADING_STATE &&
    record.epoch > node[n].epoch && node[n].promised <= record.epoch ->
    node[n].epoch = record.epoch;
    node[n].promised = record.epoch;
    SAY("STEP T3: @n%d goes on in epoch %d\n", n, node[n].epoch)
  }
}

#define RAISED_EPOCH(n, hears) MAX((hears -> HIGHEST_PROMISE : 0), MAX(record.epoch, node[n].promised))

inline t3_stopped(n, hears)
{
  d_step {
    AT_REST(n) && record.holder == n && MAY_SEND(n) && !UNSETTLED(n) && (!healed || !CANNOT_PROMOTE) &&
    ((record.state == released && !WITHOUT_T3_AFTER_RELEASE) || node[n].promised > record.epoch) &&
    RAISED_EPOCH(n, hears) <= LAST_EPOCH ->
    copy_record_into_change(n);
    change[n].epoch = RAISED_EPOCH(n, hears);
    change[n].final = 0;
    change[n].to = 0;
    node[n].promised = change[n].epoch;
    if
    :: !IS_LEADING_STATE && GUARD(T3_STATE, OWN_TIMELINE(n) == record.timeline) -> change[n].state = serving
    :: !IS_LEADING_STATE && !GUARD(T3_STATE, OWN_TIMELINE(n) == record.timeline) -> change[n].state = promoting
    :: else
    fi;
    if
    :: WITHOUT_T3_SAME_TIMELINE && record.state == promoting -> change[n].timeline = record.timeline + 1
    :: else
    fi;
    SAY("STEP T3: the stopped holder @n%d takes its record up again, it sends epoch %d\n", n, change[n].epoch)
  }
}
