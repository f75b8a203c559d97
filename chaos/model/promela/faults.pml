/*
 * What goes wrong (PROTOCOL P1 "incarnation", P7.8): crashes, lost disks, planned wipes. Everything else that can go wrong needs no step of its own: a
 * partition, a pause, a lost message or a late one is a step that is not taken, or taken late.
 */

/* A crash takes what is volatile; a change already sent stays on its way. */
inline crash(n)
{
  d_step {
    !healed && crashes < CRASHES ->
    crashes++;
    postgres_ends(n);
    node[n].upstream = NOBODY;
    forget_decision(n);
    give_up_candidacy(n);
#if WITHOUT_DURABLE_PROMISE
    node[n].promised = 0;
#endif
    node[n].forgot = change[n].pending;
    SAY("STEP fault: @n%d crashes\n", n)
  }
}

inline lose_everything(n)
{
  postgres_ends(n);
  node[n].upstream = NOBODY;
  forget_decision(n);
  give_up_candidacy(n);
  truncate(n, 0);
  node[n].promised = 0;
  node[n].file = NO_SET;
  node[n].deciding = NO_SET;
  node[n].lost = !WITHOUT_INCARNATION
}

inline lose_disk(n)
{
  d_step {
    !healed && disk_losses < DISK_LOSSES ->
    disk_losses++;
    lose_everything(n);
    SAY("STEP fault: @n%d loses its disk and comes back empty\n", n)
  }
}

/* A planned wipe of a healthy standby. */
inline p7_8_wipe(n)
{
  d_step {
    !healed && reclones < RECLONES && HOLDER_SERVES && record.holder != n && !node[n].lost && node[n].length &&
    !node[n].primary && !node[n].decided && !node[n].ballot && !UNSETTLED(n) &&
    GUARD(WIPE_OUTSIDE_RECORD, IS_OUTSIDE_RECORD(n)) && GUARD(WIPE_OUTSIDE_SET, IS_OUTSIDE_SET(n)) ->
    reclones++;
    lose_everything(n);
    SAY("STEP P7.8: @n%d is wiped to be cloned afresh\n", n)
  }
}

inline forget_answer_of(n, candidate)
{
  node[candidate].flushed[n] = 0;
  if
  :: !WITHOUT_ANSWER_BY_INCARNATION -> node[candidate].answer[n] = 0
  :: else
  fi
}

/*
 * P6, join: a new incarnation reads the record before it follows anybody. Here it also waits until the old one has left record and set, and no change
 * is on its way: the model has one place for each node, where the protocol has two member ids.
 */
inline p6_join(n)
{
  d_step {
    LIVES(n) && node[n].lost && record.holder != n && HOLDER_SERVES && !change[n].pending && !change[record.holder].pending &&
    IS_OUTSIDE_RECORD(n) && IS_OUTSIDE_SET(n) ->
    node[n].lost = 0;
    node[n].promised = record.epoch;
    forget_answer_of(n, 0);
    forget_answer_of(n, 1);
    forget_answer_of(n, 2);
    SAY("STEP P6: @n%d joins as a new incarnation\n", n)
  }
}
