/*
 * The planned ways out of leadership (PROTOCOL T8, T9): release and hand-over, and the way back.
 */

inline t9_planned_stop(n)
{
  d_step {
    !healed && LEADS(n) && record.state == serving && switchovers < SWITCHOVERS ->
    postgres_ends(n);
    SAY("STEP T9: @n%d is stopped cleanly, at @p%d\n", n, POSITION(n))
  }
}

#define MAY_LEAVE(n) \
  (!healed && switchovers < SWITCHOVERS && LIVES(n) && !node[n].lost && record.holder == (n) && IS_LEADING_STATE && !node[n].decided \
   && !node[n].ballot && FOLLOWS_NOBODY(n) && MAY_SEND(n) && !UNSETTLED(n))

/* With `final` when the boundary is known; without it when PostgreSQL is only fenced, or its end cannot be read. */
inline t8_release(n, position)
{
  d_step {
    MAY_LEAVE(n) && GUARD(STOP_BEFORE_RELEASE, !node[n].primary) ->
    switchovers++;
    copy_record_into_change(n);
    change[n].state = released;
    change[n].final = position;
    SAY("STEP T8: @n%d sends `released`, final @p%d\n", n, change[n].final)
  }
}

inline t9_hand_over(n, to_node)
{
  d_step {
    MAY_LEAVE(n) && record.state == serving && GUARD(STOP_BEFORE_HAND_OVER, !node[n].primary) && CONTAINS(to_node, POSITION(n)) ->
    switchovers++;
    copy_record_into_change(n);
    change[n].state = handing_over;
    change[n].to = to_node;
    change[n].final = POSITION(n);
    SAY("STEP T9: @n%d sends `handing-over` to @n%d, final @p%d\n", n, change[n].to, change[n].final)
  }
}

inline t9_abort(n)
{
  d_step {
    LIVES(n) && !node[n].lost && !node[n].primary && record.holder == n && record.state == handing_over && MAY_SEND(n) && !UNSETTLED(n) ->
    copy_record_into_change(n);
    change[n].state = serving;
    change[n].to = 0;
    change[n].final = 0;
    SAY("STEP T9: @n%d sends the abort of its hand-over\n", n)
  }
}
