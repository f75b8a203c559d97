/*
 * What exists: the record in the store, the nodes, the changes on their way to the store, and what the clients know (PROTOCOL P1, P2).
 * Only declarations and the words they are read with. No step of the protocol and no guard stands here.
 */

#define NODES  3
#define NOBODY 3 /* where a node is expected: none of them */
#define ANY_NODE(predicate) (predicate(0) || predicate(1) || predicate(2))

/* --- How large a run is. A scope sets these. ------------------------------------------------------------------------------------ */

#ifndef WRITES
#define WRITES 2 /* writes that clients may begin, at most 3 */
#endif
#ifndef EPOCHS
#define EPOCHS 3 /* highest epoch that a claim or a re-enlisting may reach while there are faults */
#endif
#ifndef HEALED_EPOCHS
#define HEALED_EPOCHS 0 /* further epochs that the healed cluster may use */
#endif
#ifndef FIRST_K
#define FIRST_K 1 /* k of the first set, and the configured k */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef SET_CHANGES
#define SET_CHANGES 0 /* 1: the holder may change the set in every way the guards allow */
#endif
#ifndef SWITCHOVERS
#define SWITCHOVERS 0 /* planned stops that end in a release or a hand-over */
#endif
#ifndef DISK_LOSSES
#define DISK_LOSSES 0 /* nodes that lose disk and state directory, unplanned */
#endif
#ifndef RECLONES
#define RECLONES 0 /* planned wipes of a healthy standby */
#endif
#ifndef FREE_SETS
#define FREE_SETS 0 /* 1: a claim may record the other k of two members as well */
#endif
#ifndef DOWN_MESSAGES
#define DOWN_MESSAGES 0 /* 1: members promise on `down` without being asked, before they are candidates */
#endif
#ifndef FORCE
#define FORCE 0 /* 1: an operator may force a take-over (T11); losses are then accepted, splits are not */
#endif
#ifndef WALSENDERS
#define WALSENDERS 0 /* 1: every walsender reads a new set at its own time (P7.6) */
#endif
#ifndef OWN_ACKS
#define OWN_ACKS 0 /* 1: only the primary on which a write began acknowledges it; else also one that has inherited it */
#endif
#ifndef HEAL
#define HEAL 0 /* 1: at any moment the faults end and the cluster must recover */
#endif

#define LAST_EPOCH (EPOCHS + (healed -> HEALED_EPOCHS : 0))
/* One entry for each write, one for each timeline after the first, and the common start. */
#define WAL_SIZE (WRITES + EPOCHS + HEALED_EPOCHS)

/* --- The record `leader` (P2). The revision is not kept: whoever's change the next commit makes void is told at once. ------------- */

mtype = { promoting, serving, released, handing_over };

typedef Record {
  byte  epoch;
  byte  holder;
  mtype state;
  byte  to;       /* of handing_over */
  byte  set;      /* M and k */
  byte  timeline; /* the largest id ever reserved */
  byte  floor;    /* a position */
  byte  final     /* a position, or 0 */
}
Record record;

/* --- A node: its PostgreSQL, its node file, its memory. ------------------------------------------------------------------------- */

typedef Node {
  byte wal[WAL_SIZE];  /* wal.pml; entry 0 is the common start */
  byte length;

  byte promised;       /* node file: survives a crash (P2) */
  byte lost;           /* the incarnation that the others know is gone with its disk */

  byte primary;        /* else a standby; one that follows nobody may as well be stopped */
  byte epoch;          /* of a primary: under which epoch it acknowledges */
  byte upstream;       /* of a standby: whom it follows, or NOBODY */
  byte flushed[NODES]; /* of a primary: how far each standby has reported */

  byte file;           /* synchronous_standby_names as written: survives a crash */
  byte deciding;       /* the older value that may decide some acknowledgements until the file's value is proven */
  byte accepted_set;   /* of a primary: the set in the last record that it has acted on; deposed, it knows no newer one */
  byte proven_at;      /* P7.2, L: the end of the WAL when the value was proven */

  byte ballot;         /* of a candidate; 0: none */
  byte answer[NODES];  /* promises for the ballot: the position in each answer, or 0 */

  byte decided;        /* epoch of a start or promotion that is decided and not yet carried out; 0: none */
  byte decided_timeline; /* the id to promote to; 0: restart in place */
#if WALSENDERS
  byte older;          /* the setting that walsenders still use which have not switched to the file's */
  byte switched;       /* the walsenders that have */
#endif
  byte forgot          /* 1: a change is in flight that its restarted sender does not know of */
}
Node node[NODES];

/* --- A change on its way to the store (P3): sent, and not yet known committed or rejected. It outlives its sender. ---------------- */

typedef Change {
  byte  pending;
  byte  epoch;
  mtype state;
  byte  to;
  byte  set;
  byte  timeline;
  byte  floor;
  byte  final;
  byte  is_claim
}
Change change[NODES];

/* --- What the clients know, and what has happened to the cluster. ---------------------------------------------------------------- */

byte written;             /* writes begun; their ids are 1 to this */
byte place[4];            /* where in the WAL each write stands */
byte acknowledged;        /* a bit for each write */
byte newest_ack;          /* the highest epoch that has acknowledged anything */
byte invoked_after[4];    /* newest_ack at the moment each write began */

#if OWN_ACKS
byte begun_on[4];         /* where the client waits, or NOBODY: its session has ended */
#endif

byte crashes;
byte disk_losses;
byte reclones;
byte switchovers;
byte healed;              /* 1: no further faults */
byte dead = NOBODY;       /* the one node that may stay dead in the healed cluster */

byte i; /* scratch, zero between two steps: left-overs would make equal states differ */
byte j;

/* Sentences for the story of a counterexample; chaos/model/story.ts turns @n, @s, @p and @r into names, sets, positions and states. */
#define SAY printf
