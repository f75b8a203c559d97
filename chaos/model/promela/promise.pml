/*
 * Candidacy and promise (PROTOCOL P4, P5.2). A trigger (P10) is no guard: suspicion, ttl, `down` and operators only say when to ask, so here
 * anybody may ask at any time.
 */

#define IS_CANDIDATE(n) (node[n].ballot && node[n].answer[n])
#define BALLOT(n)       MAX(record.epoch + 1, node[n].promised)

inline forget_decision(n)
{
  if
  :: node[n].decided -> node[n].decided = 0; node[n].decided_timeline = 0; node[n].accepted_set = 0
  :: else
  fi
}

/* P4.2. Persisting, cutting the receiver and reading the position are one step here: a promise counts only when all three are done. */
inline keep_promise(n, to_epoch)
{
  node[n].promised = to_epoch;
  if
  :: !WITHOUT_PROMISE_CANCELS -> forget_decision(n)
  :: else
  fi;
  if
  :: !WITHOUT_REVOKE -> node[n].upstream = NOBODY
  :: else
  fi
}

inline lower_candidacy_ends(n, below)
{
  if
  :: node[n].ballot < below -> give_up_candidacy(n)
  :: else
  fi
}

/* P5.2: one ballot number for all; the candidate makes the promise itself. */
inline p5_2_become_candidate(n)
{
  d_step {
    LIVES(n) && !node[n].primary && !node[n].lost && record.holder != n && !IS_CANDIDATE(n) &&
    BALLOT(n) <= LAST_EPOCH && (!healed || HOLDER_IS_GONE) ->
    i = BALLOT(n);
    lower_candidacy_ends(n, i);
    node[n].ballot = i;
    keep_promise(n, i);
    node[n].answer[n] = POSITION(n);
    SAY("STEP P5.2: @n%d is a candidate, promises itself epoch %d, at @p%d\n", n, node[n].ballot, node[n].answer[n]);
    i = 0
  }
}

/* P4.1, as far as safety rests on it. The holder promises only while its PostgreSQL does not run. */
#define MAY_PROMISE(n, epoch) \
  (LIVES(n) && !node[n].lost && node[n].promised <= (epoch) && GUARD(STOP_BEFORE_PROMISE, !node[n].primary) \
   && (record.holder == n || IN(n, MEMBERS(record.set))) && (!healed || record.holder != n || HOLDER_IS_GONE))

inline p4_promise(n, candidate)
{
  d_step {
    LIVES(candidate) && node[candidate].ballot && !node[candidate].answer[n] &&
    MAY_PROMISE(n, node[candidate].ballot) ->
    i = node[candidate].ballot;
    lower_candidacy_ends(n, i);
    keep_promise(n, i);
    node[candidate].answer[n] = POSITION(n);
    SAY("STEP P4: @n%d promises epoch %d to @n%d, at @p%d\n", n, node[candidate].ballot, candidate, POSITION(n));
    i = 0
  }
}

inline p4_promise_unheard(n, candidate)
{
  d_step {
    !healed && node[candidate].ballot && node[n].promised < node[candidate].ballot &&
    MAY_PROMISE(n, node[candidate].ballot) ->
    i = node[candidate].ballot;
    lower_candidacy_ends(n, i);
    keep_promise(n, i);
    SAY("STEP P4: @n%d promises epoch %d to @n%d, but the answer is lost\n", n, i, candidate);
    i = 0
  }
}

#if DOWN_MESSAGES
/* P10, `down`: every member promises record.epoch + 1 unasked and pushes its answer to all; who gets it collects, even before its own promise. */
inline push_answer(n, to)
{
  if
  :: to != n && node[to].ballot == 0 && record.holder != to && record.epoch + 1 >= node[to].promised && !node[to].primary ->
     node[to].ballot = record.epoch + 1
  :: else
  fi;
  if
  :: to != n && node[to].ballot == record.epoch + 1 -> node[to].answer[n] = POSITION(n)
  :: else
  fi
}

inline p10_promise_on_down(n)
{
  d_step {
    !healed && IN(n, MEMBERS(record.set)) && !IS_CANDIDATE(n) && record.epoch + 1 <= LAST_EPOCH &&
    MAY_PROMISE(n, record.epoch + 1) ->
    i = record.epoch + 1;
    lower_candidacy_ends(n, i);
    node[n].ballot = i;
    keep_promise(n, i);
    node[n].answer[n] = POSITION(n);
    push_answer(n, 0);
    push_answer(n, 1);
    push_answer(n, 2);
    SAY("STEP P10: @n%d hears `down`, promises epoch %d and pushes its answer to all, at @p%d\n",
        n, node[n].promised, POSITION(n));
    i = 0
  }
}
#endif

/* P5.5: missing WAL comes from a promiser, one entry at a time, and before the claim: its floor is the end of the claimant's WAL. */
inline p5_5_fetch(n, source)
{
  d_step {
    LIVES(n) && LIVES(source) && IS_CANDIDATE(n) && !node[n].primary && !node[source].primary && node[n].answer[source] &&
    node[n].length < node[source].length && CONTAINS(source, POSITION(n)) &&
    GUARD(FETCH_BEFORE_CLAIM, !UNSETTLED(n)) ->
    append(n, node[source].wal[node[n].length + 1]);
    SAY("STEP P5.5: @n%d fetches WAL from @n%d up to @p%d\n", n, source, POSITION(n))
  }
}
