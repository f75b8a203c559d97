/**
 * Everything that can go wrong in the field and that an operator has to hear about: one code, one title, one hint each. The comment above a
 * code is its runbook entry. Match on `code`, never on message text. Expected outcomes (a lost race, a peer that is silent) are values and do
 * not belong here; broken invariants are `InvariantError`s (assert.ts). A code, once published, never changes its meaning.
 */

/** 0 is "done" and belongs to no error. 1 unexpected, 2 usage or configuration, 3 the cluster refused, 4 timed out. */
export type ErrorExitCode = 1 | 2 | 3 | 4;

export type ErrorEntry = {
  readonly title: string;
  /** What the reader should do next, in one or two sentences. */
  readonly hint: string;
  /** True: the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly exitCode: ErrorExitCode;
};

export const ERRORS = {
  /** The file was read but does not describe a node or proxy. Every fault is listed with its line; fix all of them and start again. Nothing was started. */
  'PGB-1001': {
    title: 'The configuration is invalid',
    hint: 'Fix every listed line; `pgbaton config check <file>` repeats the check without starting anything.',
    retryable: false,
    exitCode: 2,
  },
  /** The path given on the command line does not exist or is not a file. A wrong mount or a typing error, never a state of the cluster. */
  'PGB-1002': {
    title: 'The configuration file cannot be read',
    hint: 'Check the path given with --config, and that the user pgbaton runs as may read it.',
    retryable: false,
    exitCode: 2,
  },
  /** A file named by a `…File` key or a `…_FILE` variable is missing, empty, unreadable or readable for everybody. */
  'PGB-1003': {
    title: 'A secret cannot be read',
    hint: 'The file must exist, hold one line, belong to the user pgbaton runs as and have mode 0600.',
    retryable: false,
    exitCode: 2,
  },
  /** Two or more timings contradict each other, so that a fence could come too late. They are refused with the arithmetic and never repaired. */
  'PGB-1004': {
    title: 'The timings contradict each other',
    hint: 'Change one of the named values so that the relation holds, or remove them all to use the defaults.',
    retryable: false,
    exitCode: 2,
  },
  /** Another process listens on the port. Often a second copy of the agent, or a PostgreSQL that somebody started by hand. */
  'PGB-1101': {
    title: 'The port is in use',
    hint: 'Find the process with `ss -ltnp`, stop it, or configure another port.',
    retryable: false,
    exitCode: 2,
  },
  /** postgres, pg_ctl, initdb, pg_rewind, pg_basebackup, setpriv, or etcd for a local cluster, was not found. */
  'PGB-1102': {
    title: 'A program is missing',
    hint: 'Install it, or say where it is: postgres.binDir for the programs of PostgreSQL, PGBATON_ETCD for etcd.',
    retryable: false,
    exitCode: 2,
  },
  /** PostgreSQL refuses to run as root, so the agent must know which user it should run as. */
  'PGB-1103': {
    title: 'Running as root without a user for PostgreSQL',
    hint: 'Set postgres.osUser, or start the agent as the user that owns the data directory.',
    retryable: false,
    exitCode: 2,
  },
  /** A write failed with ENOSPC. A leader that cannot write gives leadership up; the node stays out until there is room. */
  'PGB-1104': {
    title: 'The disk is full',
    hint: 'Free space on the file system of the data directory or the state directory; look for inactive replication slots that keep WAL.',
    retryable: true,
    exitCode: 1,
  },
  /** The operating system denied access to a file, a socket or a low port. */
  'PGB-1105': {
    title: 'Permission denied',
    hint: 'Check the owner and mode of the named path, or use a port above 1023.',
    retryable: false,
    exitCode: 2,
  },
  /** A file or directory that must be there is not. If it is the data directory, check its mount before anything else. */
  'PGB-1106': {
    title: 'A file or directory is missing',
    hint: 'Check the path and the mount it should be on.',
    retryable: false,
    exitCode: 2,
  },
  /**
   * No endpoint answered within its budget. In quorum mode a leader goes on as long as its standbys confirm it; in async mode, or alone, it keeps its right
   * until its lease ends by its own clock, and then fences itself.
   */
  'PGB-1201': {
    title: 'etcd cannot be reached',
    hint: 'Check `etcdctl endpoint health` from this machine, the endpoints in etcd.endpoints and the firewall between them.',
    retryable: true,
    exitCode: 4,
  },
  /**
   * A worker of the proxy (`workers` above 1) ended without being told to. Its sessions are lost, those of the other workers go on; it is started again
   * after a pause that grows to five seconds while it keeps ending. One that was killed is most often the work of the OOM killer.
   */
  'PGB-1107': {
    title: 'A worker of the proxy ended',
    hint: 'Nothing has to be done when it stays the only time. Otherwise look at the last lines of that worker in the log, and for the OOM killer in `dmesg`.',
    retryable: true,
    exitCode: 1,
  },
  /** etcd answered and said no: quota exceeded (NOSPACE alarm), no permission, wrong credentials. */
  'PGB-1202': {
    title: 'etcd refused the request',
    hint: 'Check `etcdctl alarm list` for NOSPACE, and that the etcd user may read and write /pgbaton/<cluster>/.',
    retryable: false,
    exitCode: 3,
  },
  /** The store went back in time: a restored backup, or another etcd behind the same address. Nobody promotes on such a store. */
  'PGB-1203': {
    title: 'The store is older than it was',
    hint: 'Bring back the etcd that the cluster used, or, when this one is to be used from now on, put the leader record into it with `pgbaton store repair`.',
    retryable: false,
    exitCode: 3,
  },
  /** The leader record does not parse or breaks its own rules. It was edited by hand or written by a newer version. */
  'PGB-1204': {
    title: 'The leader record cannot be understood',
    hint: 'Look at it with `etcdctl get /pgbaton/<cluster>/leader`; run the same version of pgbaton everywhere. Never delete the record.',
    retryable: false,
    exitCode: 3,
  },
  /** The data directory belongs to another PostgreSQL cluster: its system identifier is not the recorded one. It is never touched. */
  'PGB-1301': {
    title: 'The data directory belongs to another cluster',
    hint: 'Check postgres.dataDir and cluster. To join this cluster with an empty copy, move the directory away and start again.',
    retryable: false,
    exitCode: 2,
  },
  /** The data directory was made by a PostgreSQL major version other than the installed one. */
  'PGB-1302': {
    title: 'The data directory has another PostgreSQL version',
    hint: 'Point postgres.binDir to the matching major version; pgbaton does not upgrade data directories.',
    retryable: false,
    exitCode: 2,
  },
  /** `adopt: true` takes over an existing server only after a clean shutdown, because its last position must be known. */
  'PGB-1303': {
    title: 'The data directory was not stopped cleanly',
    hint: 'Start it once the way it was run before, stop it with `pg_ctl stop -m fast`, and start the agent again.',
    retryable: false,
    exitCode: 3,
  },
  /** Another server, or a server started by somebody else, uses the data directory. */
  'PGB-1304': {
    title: 'The data directory is in use',
    hint: 'Stop the other PostgreSQL; disable the service that starts it at boot (for example `systemctl disable postgresql`).',
    retryable: true,
    exitCode: 3,
  },
  /** Another living agent has the same node name, usually because a configuration file was copied. */
  'PGB-1305': {
    title: 'The node name is taken',
    hint: 'Give every node its own name; this one is in use by a living agent.',
    retryable: false,
    exitCode: 2,
  },
  /** pg_basebackup ended with an error. The half-made copy is moved away and tried again with growing pauses. */
  'PGB-1310': {
    title: 'The clone failed',
    hint: 'The last lines of pg_basebackup are in the log. Check disk space, and that the leader accepts replication connections from here.',
    retryable: true,
    exitCode: 1,
  },
  /** pg_rewind ended with an error. The data directory counts as unusable from then on; a clone follows. */
  'PGB-1311': {
    title: 'The rewind failed',
    hint: 'No action is needed while a clone follows. Raise wal_keep_size when rewinds fail often because WAL is missing.',
    retryable: true,
    exitCode: 1,
  },
  /** initdb ended with an error, or its directory is not empty. */
  'PGB-1312': {
    title: 'initdb failed',
    hint: 'Read its last lines in the log; postgres.dataDir must be empty, or absent with a writable parent.',
    retryable: false,
    exitCode: 1,
  },
  /** PostgreSQL did not start, or not in time. Its own log names the reason. */
  'PGB-1313': {
    title: 'PostgreSQL did not start',
    hint: 'Read the last lines of the PostgreSQL log. A standby needs max_connections and its kin at least as large as the primary.',
    retryable: true,
    exitCode: 1,
  },
  /** The elected standby could not be promoted without losing its progress bound. Leadership is given up and another node is chosen. */
  'PGB-1314': {
    title: 'The promotion failed',
    hint: 'Another candidate follows by itself. Look in the PostgreSQL log of this node for the reason.',
    retryable: true,
    exitCode: 1,
  },
  /** PostgreSQL did not stop within its deadline; the agent goes on to kill it. */
  'PGB-1315': {
    title: 'PostgreSQL did not stop in time',
    hint: 'Look for a hung disk or an archiver that cannot finish. The processes are killed, crash recovery follows at the next start.',
    retryable: true,
    exitCode: 4,
  },
  /**
   * Somebody promoted a PostgreSQL past pgbaton: `pg_ctl promote`, `pg_promote()` or another tool. It is stopped, and its copy made anew from the leader;
   * where that is a rewind, what was written there is archived and listed first. Find out who did it before it happens again.
   */
  'PGB-1316': {
    title: 'PostgreSQL was promoted past pgbaton',
    hint: 'Leave promotions to `pgbaton switchover` and `pgbaton failover`; look for scripts or tools that call pg_promote().',
    retryable: true,
    exitCode: 3,
  },
  /** The guard process, which owns the postmaster, does not answer. Without a guard nothing is promoted and nothing is started. */
  'PGB-1320': {
    title: 'The guard cannot be reached',
    hint: 'Look in the agent log for why the guard ended; restart the agent on this node.',
    retryable: true,
    exitCode: 1,
  },
  /** The guard answered and said no, for example because the order was older than one it has already seen. */
  'PGB-1321': {
    title: 'The guard refused',
    hint: 'The order was out of date or not safe; the agent decides again by itself. Repeated refusals are a defect: please report them with the log.',
    retryable: true,
    exitCode: 3,
  },
  /** The agent cannot log in to its own PostgreSQL. Somebody changed a password, dropped a role or edited pg_hba.conf. */
  'PGB-1330': {
    title: 'PostgreSQL rejected the control role',
    hint: 'The secret files must hold the passwords the roles have. Passwords of control roles are changed on the leader first, then in the files.',
    retryable: false,
    exitCode: 1,
  },
  /**
   * PostgreSQL lives and does no work: no commit returns, no new session is answered, or the disk takes no write. A leader gives way when enough
   * members are well; where this alarm stands on a leader, nobody healthier is there. Look at the disk first (`dmesg`, `iostat`), then for a stopped process.
   */
  'PGB-1331': {
    title: 'PostgreSQL does no work',
    hint: 'Check the disks and the processes of PostgreSQL on this node; `pgbaton list` says whether a standby could take over.',
    retryable: true,
    exitCode: 3,
  },
  /** All connections are taken. The server works; applications, and pgbaton's own checks, do not get in. */
  'PGB-1332': {
    title: 'PostgreSQL has no room for more sessions',
    hint: 'Find out who holds them with pg_stat_activity, end what is idle, or raise max_connections (on the standbys first).',
    retryable: true,
    exitCode: 3,
  },
  /**
   * `ALTER ROLE` or `ALTER DATABASE … SET synchronous_commit` reaches below what the mode promises: whoever logs in there is told that a commit is done
   * before a standby has it (quorum mode), or before the disk has it. Such commits can be lost in a failover, and no other commit can.
   */
  'PGB-1333': {
    title: 'A role or database weakens synchronous_commit',
    hint: 'End it with `ALTER ROLE … RESET synchronous_commit` (or ALTER DATABASE), or accept that these commits may be lost in a failover.',
    retryable: false,
    exitCode: 3,
  },
  /** The switchover was not begun, and nothing has changed. The detail names the condition. */
  'PGB-1401': {
    title: 'The switchover was refused',
    hint: 'Nothing was changed. Remove the named cause and ask again.',
    retryable: false,
    exitCode: 3,
  },
  /** The switchover was begun and undone: the old leader goes on. */
  'PGB-1402': {
    title: 'The switchover was aborted',
    hint: 'The old leader serves again. See the operation in `pgbaton status` for the stage that took too long.',
    retryable: true,
    exitCode: 3,
  },
  /** The wanted node cannot take over: not in the set, too far behind, diverged, unreachable or of priority 0. */
  'PGB-1403': {
    title: 'The candidate is unsuitable',
    hint: 'Choose another node, or leave the choice to pgbaton by naming none.',
    retryable: false,
    exitCode: 3,
  },
  /** One planned operation is open, and there is room for one only. */
  'PGB-1404': {
    title: 'Another operation is in progress',
    hint: 'Wait until it is done or aborted; `pgbaton status` shows it.',
    retryable: true,
    exitCode: 3,
  },
  /** Nobody holds a valid leadership at the moment. An election is under way, or a majority of the set is missing. */
  'PGB-1405': {
    title: 'The cluster has no leader',
    hint: 'Wait a few seconds. When it stays so, `pgbaton status` says whose promise is missing.',
    retryable: true,
    exitCode: 3,
  },
  /** The command gave up waiting. The outcome is *unknown*: it may still come about. Look before asking again. */
  'PGB-1406': {
    title: 'Timed out, the outcome is unknown',
    hint: 'Look at `pgbaton status` before repeating the command.',
    retryable: true,
    exitCode: 4,
  },
  /** No agent of the cluster answered at the given addresses. */
  'PGB-1407': {
    title: 'The cluster cannot be reached',
    hint: 'Check the addresses and that at least one agent is running; any node will do.',
    retryable: true,
    exitCode: 4,
  },
  /** The name belongs to no node of this cluster. */
  'PGB-1408': { title: 'No such node', hint: 'The names are in the first column of `pgbaton status`.', retryable: false, exitCode: 2 },
  /** `store repair` found that the store has not gone back, or not every node that may know a newer leader has been heard. Nothing was written. */
  'PGB-1409': {
    title: 'The store was not repaired',
    hint: 'Bring every node back that can come back; give up only those that never will, with --declare-lost.',
    retryable: true,
    exitCode: 3,
  },
  /** There is no local test cluster in the given directory. */
  'PGB-1501': {
    title: 'There is no local cluster here',
    hint: 'Make one with `pgbaton local up`, or give its directory.',
    retryable: false,
    exitCode: 2,
  },
  /** A local test cluster is already running in the given directory. */
  'PGB-1502': {
    title: 'A local cluster is already running',
    hint: 'Use it, stop it with `pgbaton local down`, or choose another directory.',
    retryable: false,
    exitCode: 2,
  },
  /** The request has no valid bearer token. */
  'PGB-1601': {
    title: 'Not authorised',
    hint: 'Send `Authorization: Bearer <peer token>`; the token is the content of secrets.peerTokenFile.',
    retryable: false,
    exitCode: 3,
  },
  /** The request does not have the documented shape. */
  'PGB-1602': { title: 'The request is malformed', hint: 'Compare the request with the API documentation.', retryable: false, exitCode: 2 },
  /** There is nothing at this path, or not with this method. */
  'PGB-1603': {
    title: 'No such resource',
    hint: 'Check the path and the method; GET /status and GET /cluster always exist.',
    retryable: false,
    exitCode: 2,
  },
  /** The request body is longer than the server accepts. */
  'PGB-1604': { title: 'The request is too large', hint: 'Send a smaller body.', retryable: false, exitCode: 2 },
  /** Told to a client of the proxy (SQLSTATE 42501): its startup parameters ask for weaker commits, and `weakCommits: forbid` is configured. */
  'PGB-1701': {
    title: 'A weaker commit than this cluster promises is forbidden here',
    hint: 'Connect without synchronous_commit in the options or parameters, or ask the operator of the proxy for `weakCommits: allow`.',
    retryable: false,
    exitCode: 3,
  },
  /**
   * Told to a client of the proxy (SQLSTATE 57P03): within `roWaitMs` no standby replayed what `pgbaton.after` or `pgbaton.max_staleness_ms` asks for, and the
   * leader is not allowed to take its place (`roFallback: refuse`), or no leader of the token's timeline came to be known.
   */
  'PGB-1702': {
    title: 'No server shows what the session wants to see',
    hint: 'Connect again, or without the wish; look at the lag of the standbys with `pgbaton list`.',
    retryable: true,
    exitCode: 4,
  },
  /**
   * Told to a client of the proxy (SQLSTATE 55000): the token in `pgbaton.after` was taken on a timeline that a failover cut off before that position (async
   * mode), or that this cluster never had. What was written there may be gone for ever.
   */
  'PGB-1703': {
    title: 'The token belongs to a history that is not this cluster’s',
    hint: 'Take the write for lost until a look at the leader shows it, and connect without the token.',
    retryable: false,
    exitCode: 3,
  },
  /** Told to a client of the proxy (SQLSTATE 22023): a `pgbaton.…` startup parameter is unknown or its value cannot be read. */
  'PGB-1704': {
    title: 'A pgbaton parameter of the connection is wrong',
    hint: 'docs/READS.md has the parameters and how to take a token.',
    retryable: false,
    exitCode: 2,
  },
  /** A defect in pgbaton. When it happens in an agent, the agent has fenced its PostgreSQL before it ended. */
  'PGB-1999': {
    title: 'Internal error',
    hint: 'This is a defect in pgbaton: please report it with the log and the version.',
    retryable: false,
    exitCode: 1,
  },
} as const satisfies Readonly<Record<`PGB-${number}`, ErrorEntry>>;

export type ErrorCode = keyof typeof ERRORS;
