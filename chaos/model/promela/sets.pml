/*
 * The arithmetic of sets (PROTOCOL P1): who is a member, what is safe together, what is loosening. Pure expressions. A set (M, k) is one number: bits
 * 0 to 2 are the members, the rest is k.
 */

#define SET(members, k)     ((members) | ((k) << 3))
#define MEMBERS(set)        ((set) & 7)
#define K(set)              ((set) >> 3)
#define NO_SET              0 /* (empty, 0): the holder alone, and as a setting of PostgreSQL: a commit waits for nobody */
#define ONLY(m)             (1 << (m))
#define IN(m, members)      (((members) >> (m)) & 1)
#define MINUS(a, b)         ((a) & (7 ^ (b)))
#define CARDINALITY(members) (IN(0, members) + IN(1, members) + IN(2, members))
#define MIN(a, b)           (((a) < (b)) -> (a) : (b))
#define MAX(a, b)           (((a) > (b)) -> (a) : (b))
#define CONFIGURED_K(members) MIN(FIRST_K, CARDINALITY(members))

/* P1, P7.3: a record and a set in force that may exist together; and a change of the record that needs no catch-up. */
#define IS_SAFE(recorded, in_force) \
  (K(recorded) == 0 || K(recorded) + CARDINALITY(MINUS(MEMBERS(in_force), MEMBERS(recorded))) <= K(in_force))
#define IS_LOOSENING(from, to) \
  (K(to) == 0 || (K(from) >= 1 && K(to) + CARDINALITY(MINUS(MEMBERS(from), MEMBERS(to))) <= K(from)))
