/*
 * Every guard of the protocol that a run can switch off: a name, its rule, one sentence. At the place where a guard works stands
 * GUARD(NAME, condition); -DWITHOUT_NAME=1 makes the condition count as true. chaos/model/guards.ts lists the same names.
 */
#define GUARD(name, condition) (WITHOUT_##name || (condition))

/* --- P4, the promise --- */
#ifndef WITHOUT_REVOKE /* P4.2: A promise takes the WAL receiver away from whoever is being deposed. */
#define WITHOUT_REVOKE 0
#endif
#ifndef WITHOUT_DURABLE_PROMISE /* P2, P4.2: A promise survives a crash of the node. */
#define WITHOUT_DURABLE_PROMISE 0
#endif
#ifndef WITHOUT_STOP_BEFORE_PROMISE /* P4.2: A primary is stopped, and all its descendants are verified dead, before it promises. */
#define WITHOUT_STOP_BEFORE_PROMISE 0
#endif
#ifndef WITHOUT_PROMISE_CANCELS /* P4.2: A promise cancels the node's own pending start or promotion. */
#define WITHOUT_PROMISE_CANCELS 0
#endif
#ifndef WITHOUT_FOLLOW_PROMISED /* P4.3: A standby attaches only to epochs at or above its promise. */
#define WITHOUT_FOLLOW_PROMISED 0
#endif

#ifndef WITHOUT_ATTACH_CANCELS /* P2, P4.4: Attaching cancels the node's own pending start or promotion; there is one pending decision. */
#define WITHOUT_ATTACH_CANCELS 0
#endif
#ifndef WITHOUT_ATTACH_PROMISES /* P4.4: Attaching to an epoch promises it. */
#define WITHOUT_ATTACH_PROMISES 0
#endif

/* --- P1, P5: the candidate --- */
#ifndef WITHOUT_FENCE /* P5.3: A claim needs the promises of a read quorum; an expired lease is no substitute. */
#define WITHOUT_FENCE 0
#endif
#ifndef WITHOUT_READ_QUORUM /* P1: A read quorum has n-k+1 members, not n-k. */
#define WITHOUT_READ_QUORUM 0
#endif
#ifndef WITHOUT_HOLDER_ONLY /* P1: With k = 0 the only read quorum is the holder; an empty set is not "nobody to ask". */
#define WITHOUT_HOLDER_ONLY 0
#endif
#ifndef WITHOUT_REQUIRED /* P5.4: A claimant contains the largest position inside some read quorum. */
#define WITHOUT_REQUIRED 0
#endif
#ifndef WITHOUT_FLOOR /* P5.5: A claimant contains the record's floor. */
#define WITHOUT_FLOOR 0
#endif
#ifndef WITHOUT_CLAIMED_SET /* T1: The claimed set is taken from the promisers whose WAL the claimant contains. */
#define WITHOUT_CLAIMED_SET 0
#endif
#ifndef WITHOUT_FETCH_BEFORE_CLAIM /* P5.5: Nothing is fetched while the claim is on its way. */
#define WITHOUT_FETCH_BEFORE_CLAIM 0
#endif
#ifndef WITHOUT_FRESH_PROMISES /* P5.2, S7: Promises count for one ballot, and it is above the record's epoch. */
#define WITHOUT_FRESH_PROMISES 0
#endif
#ifndef WITHOUT_ANSWER_BY_INCARNATION /* P1: An answer belongs to an incarnation, and dies with it. */
#define WITHOUT_ANSWER_BY_INCARNATION 0
#endif
#ifndef WITHOUT_INCARNATION /* P1: A node that lost its disk is another member, even under the same name. */
#define WITHOUT_INCARNATION 0
#endif
#ifndef WITHOUT_FINAL /* T2: Whoever claims by `final` contains it. */
#define WITHOUT_FINAL 0
#endif
#ifndef WITHOUT_FORCE_FENCE /* T11: Force drops what is required, never the promises. */
#define WITHOUT_FORCE_FENCE 0
#endif

/* --- P3, the store --- */
#ifndef WITHOUT_COMPARE /* S1: A claim is a compare-and-swap. */
#define WITHOUT_COMPARE 0
#endif
#ifndef WITHOUT_COMPARE_REVISION /* S1: What is compared is the revision, not the epoch. */
#define WITHOUT_COMPARE_REVISION 0
#endif
#ifndef WITHOUT_UNKNOWN_SET /* S3: While a change of the record is unsettled, the set in force stays as it is. */
#define WITHOUT_UNKNOWN_SET 0
#endif
#ifndef WITHOUT_UNKNOWN_START /* S3: While a change of the record is unsettled, PostgreSQL is not started as a primary. */
#define WITHOUT_UNKNOWN_START 0
#endif
#ifndef WITHOUT_RENEW_FIRST /* S4: A restarted agent first settles what may still be in flight. */
#define WITHOUT_RENEW_FIRST 0
#endif

/* --- T0, T3 to T6: start, promotion, re-enlisting --- */
#ifndef WITHOUT_T0_OWN_TIMELINE /* T0: The first record names the timeline that the directory is on. */
#define WITHOUT_T0_OWN_TIMELINE 0
#endif
#ifndef WITHOUT_RESERVED_TIMELINE /* T1, T4: A promotion takes the id that its claim reserved, not its own last id + 1. */
#define WITHOUT_RESERVED_TIMELINE 0
#endif
#ifndef WITHOUT_T4_PROMISED /* T4: Nobody decides to promote below its promise. */
#define WITHOUT_T4_PROMISED 0
#endif
#ifndef WITHOUT_T5_PROMISED /* T5: Nobody decides to restart in place below its promise. */
#define WITHOUT_T5_PROMISED 0
#endif
#ifndef WITHOUT_PROMOTE_PROMISED /* A4: The guard process compares the promise once more in the moment of the promotion. */
#define WITHOUT_PROMOTE_PROMISED 0
#endif
#ifndef WITHOUT_START_PROMISED /* A4: The guard process compares the promise once more in the moment of the start. */
#define WITHOUT_START_PROMISED 0
#endif
#ifndef WITHOUT_FORK_IS_FLOOR /* T4, I12: The new timeline begins at the floor of its claim, neither before nor after. */
#define WITHOUT_FORK_IS_FLOOR 0
#endif
#ifndef WITHOUT_SET_BEFORE_PROMOTION /* T4, P7.6: The claimed set is in force before the promotion. */
#define WITHOUT_SET_BEFORE_PROMOTION 0
#endif
#ifndef WITHOUT_T5_TIMELINE /* T5: A restart in place needs WAL that is on the record's timeline. */
#define WITHOUT_T5_TIMELINE 0
#endif
#ifndef WITHOUT_T5_SAFE_SET /* T5: The setting in the file is safe with the record. */
#define WITHOUT_T5_SAFE_SET 0
#endif
#ifndef WITHOUT_T3_STATE /* T3: Released goes back to serving only if the holder's WAL is on the record's timeline. */
#define WITHOUT_T3_STATE 0
#endif
#ifndef WITHOUT_T3_SAME_TIMELINE /* T3: Re-enlisting never changes the timeline. */
#define WITHOUT_T3_SAME_TIMELINE 0
#endif

/* --- P7: set changes --- */
#ifndef WITHOUT_CATCH_UP /* P7.2: A change that is not loosening waits until k' of M' have flushed past the proof. */
#define WITHOUT_CATCH_UP 0
#endif
#ifndef WITHOUT_SAFE_RECORD /* P7.3: The record is changed only to what is safe with the set in force. */
#define WITHOUT_SAFE_RECORD 0
#endif
#ifndef WITHOUT_SAFE_SETTING /* P7.3: The set in force is changed only to what is safe with the record. */
#define WITHOUT_SAFE_SETTING 0
#endif
#ifndef WITHOUT_LEAVE_ORDER /* P7.2: A member leaves by the order of P7, not by the set in force first. */
#define WITHOUT_LEAVE_ORDER 0
#endif
#ifndef WITHOUT_DEGRADE_ORDER /* P7.5: The record says k = 0 before '' is in force. */
#define WITHOUT_DEGRADE_ORDER 0
#endif
#ifndef WITHOUT_PROOF /* P7.1, P7.6: The next step waits until one value is proven in force. */
#define WITHOUT_PROOF 0
#endif
#ifndef WITHOUT_PROOF_OF_LEAVERS /* P7.6: The proof looks at walsenders of the old set too. */
#define WITHOUT_PROOF_OF_LEAVERS 0
#endif
#ifndef WITHOUT_PROOF_OF_K /* P7.6: The proof shows a change of k, which priorities of ANY do not. */
#define WITHOUT_PROOF_OF_K 0
#endif
#ifndef WITHOUT_WIPE_OUTSIDE_RECORD /* P7.8: A planned wipe begins when the member is in no record. */
#define WITHOUT_WIPE_OUTSIDE_RECORD 0
#endif
#ifndef WITHOUT_WIPE_OUTSIDE_SET /* P7.8: A planned wipe begins when the member is in no set that may be in force. */
#define WITHOUT_WIPE_OUTSIDE_SET 0
#endif

/* --- T8, T9: release and hand-over --- */
#ifndef WITHOUT_STOP_BEFORE_RELEASE /* T8: Released means that nothing of the holder's PostgreSQL lives. */
#define WITHOUT_STOP_BEFORE_RELEASE 0
#endif
#ifndef WITHOUT_STOP_BEFORE_HAND_OVER /* T9: A hand-over begins with a clean stop. */
#define WITHOUT_STOP_BEFORE_HAND_OVER 0
#endif
#ifndef WITHOUT_COMMITTED_ABORT /* T9: PostgreSQL starts again only after the abort is known committed. */
#define WITHOUT_COMMITTED_ABORT 0
#endif
#ifndef WITHOUT_T2_OWN_SET /* T2: A claim by `final` lists the old members and the old holder; nobody has promised. */
#define WITHOUT_T2_OWN_SET 0
#endif

/* --- Progress: these guards keep nothing safe, without them the cluster stands still. --- */
#ifndef WITHOUT_RE_ENLISTING /* T3, running: A holder whose members promised in vain raises its own epoch. */
#define WITHOUT_RE_ENLISTING 0
#endif
#ifndef WITHOUT_SMALLEST_REQUIREMENT /* P5.4: The smallest requirement of all read quorums, not the best of all promisers. */
#define WITHOUT_SMALLEST_REQUIREMENT 0
#endif
#ifndef WITHOUT_T3_AFTER_RELEASE /* T3, stopped: A holder whose release nobody claimed takes it up again. */
#define WITHOUT_T3_AFTER_RELEASE 0
#endif
#ifndef WITHOUT_QUIET_AFTER_DOWN /* P6: A holder whose PostgreSQL is down does not renew while others may claim. */
#define WITHOUT_QUIET_AFTER_DOWN 0
#endif
