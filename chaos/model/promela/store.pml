/*
 * The store (PROTOCOL P3): one record, changed only by compare-and-swap (S1), one change in flight per node (S2), its outcome unknown for as long
 * as it takes (S3), also after its sender has crashed. A change whose compared revision is gone is rejected; the model tells its sender at once,
 * because a sender that knows less does less.
 */

/*
 * S3: until its outcome is known, nothing may be done that only one of the outcomes makes safe. S4: a restarted agent does not know what it had
 * sent; if it finds itself holder, it settles that first, which here means that it acts as if it knew.
 */
#define REMEMBERS_CHANGE(n) (!node[n].forgot || (record.holder == (n) && !WITHOUT_RENEW_FIRST))
#define UNSETTLED(n)        (change[n].pending && REMEMBERS_CHANGE(n))
/* S2. A second change of the same node on the same revision takes the place of the first: at most one of the two can be committed. */
#define MAY_SEND(n)         (!change[n].pending || !REMEMBERS_CHANGE(n))

#define NOTHING_IN_FLIGHT (!change[0].pending && !change[1].pending && !change[2].pending)

/* Begins a change of n as a copy of the record; the rule that sends it overwrites what it changes. */
inline copy_record_into_change(n)
{
  change[n].epoch = record.epoch;
  change[n].state = record.state;
  change[n].to = record.to;
  change[n].set = record.set;
  change[n].timeline = record.timeline;
  change[n].floor = record.floor;
  change[n].final = record.final;
  change[n].is_claim = 0;
  change[n].pending = 1;
  node[n].forgot = 0
}

inline clear_change(n)
{
  change[n].epoch = 0;
  change[n].state = 0;
  change[n].to = 0;
  change[n].set = 0;
  change[n].timeline = 0;
  change[n].floor = 0;
  change[n].final = 0;
  change[n].is_claim = 0;
  change[n].pending = 0;
  node[n].forgot = 0
}

inline give_up_candidacy(n)
{
  node[n].ballot = 0;
  node[n].answer[0] = 0;
  node[n].answer[1] = 0;
  node[n].answer[2] = 0
}

/* A change survives a commit of somebody else only where a guard is off. */
#define SURVIVES_COMMIT(n, epoch_before) \
  ((WITHOUT_COMPARE && change[n].is_claim && change[n].epoch >= record.epoch) || \
   (WITHOUT_COMPARE_REVISION && record.epoch == epoch_before))

inline revision_moves_for(n, epoch_before)
{
  if
  :: change[n].pending && !SURVIVES_COMMIT(n, epoch_before) -> clear_change(n)
  :: else
  fi;
  if
  :: !WITHOUT_FRESH_PROMISES && node[n].ballot && node[n].ballot <= record.epoch -> give_up_candidacy(n)
  :: else
  fi
}

/* Whatever was computed from the former revision is void. */
inline revision_moves(epoch_before)
{
  revision_moves_for(0, epoch_before);
  revision_moves_for(1, epoch_before);
  revision_moves_for(2, epoch_before)
}

inline store_commits(n)
{
  d_step {
    change[n].pending ->
#if INVARIANTS
    assert_nothing_falls(n);
#endif
    i = record.epoch;
    record.epoch = change[n].epoch;
    record.holder = n;
    record.state = change[n].state;
    record.to = change[n].to;
    record.set = change[n].set;
    record.timeline = change[n].timeline;
    record.floor = change[n].floor;
    record.final = change[n].final;
    if
    :: node[n].primary -> node[n].accepted_set = record.set
    :: else
    fi;
    clear_change(n);
    revision_moves(i);
    i = 0;
    SAY("STEP store: the change of @n%d is committed\n", n);
    SAY("RECORD epoch %d, holder @n%d, @r%d, set @s%d, timeline %d, floor @p%d, final @p%d\n",
        record.epoch, record.holder, record.state, record.set, record.timeline, record.floor, record.final)
  }
}

/*
 * S3, S4: the next renewal on the same revision settles a change of its own, and makes those of others void. In the healed cluster nobody renews here: a
 * renewal changes nothing but the revision, and claims are sent again.
 */
inline renew(n)
{
  d_step {
    LIVES(n) && record.holder == n && !node[n].lost && !NOTHING_IN_FLIGHT &&
    (!healed || (WITHOUT_QUIET_AFTER_DOWN && !node[n].primary)) ->
    i = record.epoch;
    revision_moves(i);
    i = 0;
    SAY("STEP S4: @n%d renews the record; changes computed from the former revision are rejected\n", n)
  }
}
