/*
 * The protocol of pgbaton in quorum mode, as a Spin model: every step that a node may take, and nothing else. No step has to be taken and none has
 * a deadline; so whatever a partition, a pause or a clock could do to the order of steps is among the orders looked at.
 */
#include "guards.pml"
#include "state.pml"
#include "sets.pml"
#include "wal.pml"
#include "roles.pml"
#include "store.pml"
#include "writes.pml"
#include "promise.pml"
#include "set-change.pml"
#include "claim.pml"
#include "primary.pml"
#include "switchover.pml"
#include "faults.pml"
#include "healed.pml"
#include "invariants.pml"
#include "reachable.pml"

#define FIRST_SET SET(ONLY(1) | ONLY(2), FIRST_K)

/* Epoch 1: node a serves, b and c are members and follow it. */
inline start()
{
  record.epoch = 1;
  record.holder = 0;
  record.state = serving;
  record.set = FIRST_SET;
  record.timeline = 1 + WITHOUT_T0_OWN_TIMELINE;
  record.floor = START;
  i = 0;
  do
  :: i < NODES ->
     node[i].wal[0] = START;
     node[i].promised = 1;
     node[i].upstream = 0;
     i++
  :: else -> break
  od;
  i = 0;
  node[0].primary = 1;
  node[0].epoch = 1;
  node[0].upstream = NOBODY;
  node[0].file = FIRST_SET;
  node[0].accepted_set = FIRST_SET;
  node[0].deciding = FIRST_SET
#if WALSENDERS
  ; node[0].older = FIRST_SET;
  node[0].switched = 7
#endif
}

/* The two others. */
#define N1   ((me + 1) % NODES)
#define N2   ((me + 2) % NODES)
#define BOTH (7 ^ ONLY(me))

/* One node: its agent and its PostgreSQL. Each line is a step with its own guard, and any step whose guard holds may be the next. */
proctype Agent(byte me)
{
end:
  do
  :: client_writes(me)
  :: stream(me)
  :: acknowledge(me, 1)
  :: acknowledge(me, 2)
#if WRITES > 2
  :: acknowledge(me, 3)
#endif
  :: p5_2_become_candidate(me)
  :: p4_promise(me, N1)
  :: p4_promise(me, N2)
  :: p4_promise_unheard(me, N1)
  :: p4_promise_unheard(me, N2)
#if DOWN_MESSAGES
  :: p10_promise_on_down(me)
#endif
  :: p5_5_fetch(me, N1)
  :: p5_5_fetch(me, N2)
  :: t1_claim(me, 0, 0)
  :: t1_claim(me, ONLY(N1), 1)
  :: t1_claim(me, ONLY(N2), 1)
  :: t1_claim(me, BOTH, FIRST_K)
#if FREE_SETS
  :: t1_claim(me, BOTH, 3 - FIRST_K)
#endif
#if FORCE
  :: t11_force(me, 0, 0)
  :: t11_force(me, ONLY(N1), 1)
  :: t11_force(me, ONLY(N2), 1)
  :: t11_force(me, BOTH, FIRST_K)
#endif
  :: store_commits(me)
  :: renew(me)
  :: t4_decide_to_promote(me)
  :: t4_promote(me)
  :: t5_decide_to_restart(me)
  :: t5_start(me)
  :: t6_serve(me)
  :: p4_4_attach(me, N1)
  :: p4_4_attach(me, N2)
  :: t10_stop(me)
  :: t10_leave_upstream(me)
  :: t10_rewind(me)
  :: t3_running(me)
  :: t3_take_up(me)
  :: t3_stopped(me, 0)
  :: t3_stopped(me, 1)
#if SWITCHOVERS
  :: t9_planned_stop(me)
  :: t8_release(me, POSITION(me))
  :: t8_release(me, 0)
  :: t9_hand_over(me, N1)
  :: t9_hand_over(me, N2)
  :: t9_abort(me)
  :: t2_claim_by_final(me)
#endif
#if SET_CHANGES || HEAL
  :: t7_change_record(me, NO_SET)
  :: t7_change_record(me, SET(ONLY(N1), 1))
  :: t7_change_record(me, SET(ONLY(N2), 1))
  :: t7_change_record(me, SET(BOTH, 1))
  :: t7_change_record(me, SET(BOTH, 2))
  :: p7_2_write_setting(me, NO_SET)
  :: p7_2_write_setting(me, SET(ONLY(N1), 1))
  :: p7_2_write_setting(me, SET(ONLY(N2), 1))
  :: p7_2_write_setting(me, SET(BOTH, 1))
  :: p7_2_write_setting(me, SET(BOTH, 2))
#endif
#if WALSENDERS
  :: p7_6_walsender_switches(me, N1)
  :: p7_6_walsender_switches(me, N2)
#endif
  :: p7_6_prove(me)
#if CRASHES
  :: crash(me)
#endif
#if DISK_LOSSES
  :: lose_disk(me)
#endif
#if RECLONES
  :: p7_8_wipe(me)
#endif
#if DISK_LOSSES || RECLONES
  :: p6_join(me)
#endif
  od
}

/* The beginning, and from then on the eye of the checker: it takes a step only when something is wrong, and that step ends the search. */
init
{
  d_step { start() };
  atomic {
    run Agent(0);
    run Agent(1);
    run Agent(2);
#if HEAL
    run Healer()
#endif
  }
end:
  do
#ifdef SEEK
  :: ends_when_reached()
#endif
#if !FORCE
  :: must_hold_i1()
#endif
#if INVARIANTS
#if !FORCE
  :: must_hold_i2()
#endif
  :: must_hold_i3()
  :: must_hold_i5()
  :: must_hold_i7()
  :: must_hold_i8()
  :: must_hold_i9()
  :: must_hold_i10()
  :: must_hold_i12()
#endif
  :: false
  od
}
