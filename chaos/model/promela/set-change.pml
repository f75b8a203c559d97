/*
 * Changing who must acknowledge (PROTOCOL P7). The model does not follow the generator: record and setting may be changed in any order that the
 * guards allow, so every order that the generator could take, also after a crash half-way, is among those looked at.
 */

#if WALSENDERS
#define NAMED(n)          (MEMBERS(node[n].file) | MEMBERS(node[n].older))
#define MUST_HAVE_SWITCHED(n) \
  (WITHOUT_PROOF_OF_LEAVERS -> MEMBERS(node[n].file) \
   : (WITHOUT_PROOF_OF_K -> MEMBERS(node[n].file) ^ MEMBERS(node[n].older) : NAMED(n)))
#define PROOF_IS_COMPLETE(n) (MINUS(MUST_HAVE_SWITCHED(n), node[n].switched) == 0)
#else
#define PROOF_IS_COMPLETE(n) true
#endif

#define IS_PROVEN(n) (node[n].file == node[n].deciding)

/* P10: what the holder of a healed cluster wants: whoever follows it, or is a member that could. */
#define WANTED_MEMBER(n, m) \
  ((m) != (n) && LIVES(m) && !node[m].lost && (node[m].upstream == (n) || (IN(m, MEMBERS(record.set)) && CONTAINS(n, POSITION(m)))))
#define WANTED_MEMBERS(n) (WANTED_MEMBER(n, 0) | (WANTED_MEMBER(n, 1) << 1) | (WANTED_MEMBER(n, 2) << 2))
#define WANTED_SET(n)     SET(WANTED_MEMBERS(n), (WANTED_MEMBERS(n) -> 1 : 0))
#define WIDENED_SET(n)    SET(MEMBERS(record.set) | WANTED_MEMBERS(n), 1)
#define HEALS_RECORD(n, target) \
  (record.set != WANTED_SET(n) \
   && ((target) == WANTED_SET(n) || ((target) == WIDENED_SET(n) && MEMBERS(target) != MEMBERS(record.set)) \
       || ((target) == NO_SET && WANTED_SET(n) == NO_SET)))

#define MAY_CHANGE_RECORD(n, target)  (healed -> HEALS_RECORD(n, target) : SET_CHANGES)
#define MAY_WRITE_SETTING(n, target) (healed -> (LEADS(n) && (target) == WANTED_SET(n)) : SET_CHANGES)

inline t7_change_record(n, target)
{
  d_step {
    LEADS(n) && MAY_SEND(n) && !UNSETTLED(n) && (target) != record.set && MAY_CHANGE_RECORD(n, target) &&
    GUARD(PROOF, IS_PROVEN(n)) &&
    GUARD(SAFE_RECORD, IS_SAFE(target, node[n].file)) &&
    (IS_LOOSENING(record.set, target) || GUARD(CATCH_UP, ENOUGH_FLUSHED(n, target, node[n].proven_at))) ->
    copy_record_into_change(n);
    change[n].set = target;
    SAY("STEP T7: @n%d sends the set @s%d\n", n, change[n].set)
  }
}

/* A deposed holder that does not know it goes on by the last record it has acted on. */
#define IS_LEAVING(n, target) \
  (K(target) >= 1 && MINUS(MEMBERS(target), MEMBERS(node[n].accepted_set)) == 0 && MEMBERS(target) != MEMBERS(node[n].accepted_set))

inline p7_2_write_setting(n, target)
{
  d_step {
    LIVES(n) && node[n].primary && GUARD(UNKNOWN_SET, !UNSETTLED(n)) && (target) != node[n].file && IS_PROVEN(n) &&
    MAY_WRITE_SETTING(n, target) &&
    (GUARD(SAFE_SETTING, IS_SAFE(node[n].accepted_set, target)) ||
     (WITHOUT_LEAVE_ORDER && IS_LEAVING(n, target)) || (WITHOUT_DEGRADE_ORDER && K(target) == 0)) ->
#if WALSENDERS
    node[n].older = node[n].file;
    node[n].switched = 0;
#endif
    node[n].file = target;
    SAY("STEP P7.2: @n%d writes the setting @s%d\n", n, node[n].file)
  }
}

#if WALSENDERS
inline p7_6_walsender_switches(n, m)
{
  d_step {
    node[n].primary && !IN(m, node[n].switched) && IN(m, NAMED(n)) ->
    node[n].switched = node[n].switched | ONLY(m);
    SAY("STEP P7.6: the walsender of @n%d for @n%d reads the setting @s%d\n", n, m, node[n].file)
  }
}
#endif

inline p7_6_prove(n)
{
  d_step {
    LIVES(n) && node[n].primary && !IS_PROVEN(n) && PROOF_IS_COMPLETE(n) ->
    node[n].deciding = node[n].file;
    node[n].proven_at = node[n].length;
#if WALSENDERS
    if
    :: MINUS(NAMED(n), node[n].switched) == 0 -> node[n].older = node[n].file; node[n].switched = 7
    :: else
    fi;
#endif
    SAY("STEP P7.6: the setting @s%d of @n%d is proven in force, at @p%d\n", node[n].file, n, POSITION(n))
  }
}
