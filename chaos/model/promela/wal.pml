/*
 * WAL, positions and the one comparison that is allowed between them (PROTOCOL P1). A node's WAL is a list of entries, each with the timeline it
 * was written on and its content: a write, or the switch to a new timeline. Never compares two lengths of different timelines.
 */

#define ENTRY(timeline, content) (((timeline) << 4) | (content))
#define START                    ENTRY(1, 0)
#define SWITCH_BY(n)             (4 + (n)) /* so that two nodes that open the same timeline id differ in content */

#define TIMELINE_AT(w, l) (node[w].wal[l] >> 4)
#define CONTENT_AT(w, l)  (node[w].wal[l] & 15)
#define OWN_TIMELINE(w)   TIMELINE_AT(w, node[w].length)

/* A position is (timeline, length). */
#define POSITION(w)       ((OWN_TIMELINE(w) << 4) | node[w].length)
#define TIMELINE(p)       ((p) >> 4)
#define LENGTH(p)         ((p) & 15)

/* P1: w's WAL is on the position's timeline and at least as long, or has that timeline as an ancestor and left it no earlier. */
#define CONTAINS(w, p) (node[w].length >= LENGTH(p) && TIMELINE_AT(w, LENGTH(p)) == TIMELINE(p))

#define HOLDS(w, id)   (node[w].length >= place[id] && CONTENT_AT(w, place[id]) == (id))
#define IS_ACKNOWLEDGED(id) ((acknowledged >> (id)) & 1)
#define HELD_IF_ACKNOWLEDGED(w, id) (!IS_ACKNOWLEDGED(id) || HOLDS(w, id))
#define HOLDS_ALL_ACKNOWLEDGED(w) \
  (!acknowledged || (HELD_IF_ACKNOWLEDGED(w, 1) && HELD_IF_ACKNOWLEDGED(w, 2) && HELD_IF_ACKNOWLEDGED(w, 3)))

inline append(w, entry)
{
  node[w].wal[node[w].length + 1] = entry;
  node[w].length++
}

inline truncate(w, length_kept)
{
  do
  :: node[w].length > length_kept -> node[w].wal[node[w].length] = 0; node[w].length--
  :: else -> break
  od
}

/* The number of leading entries whose timeline ids agree. pg_rewind and a standby that attaches look at nothing else. */
inline common_by_timeline(w, v, result)
{
  result = 0;
  do
  :: result < node[w].length && result < node[v].length && TIMELINE_AT(w, result + 1) == TIMELINE_AT(v, result + 1) -> result++
  :: else -> break
  od
}

/* I5: one timeline id, one content. Asserted where a node trusts (timeline, LSN) alone. */
inline assert_same_content(w, v, up_to)
{
  do
  :: up_to > 0 ->
     if
     :: node[w].wal[up_to] != node[v].wal[up_to] ->
        SAY("HARM I5: @n%d and @n%d hold different content under one timeline id, and neither notices\n", w, v);
        assert(false)
     :: else
     fi;
     up_to--
  :: else -> break
  od
}
