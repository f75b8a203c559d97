/** What the node file store and its writer process say to each other over IPC (`advanced` serialization, so that bytes stay bytes). */
export type WriterRequest =
  /** A new file with these bytes replaces `path` (written beside it, synced, renamed, directory synced) and stays open. */
  | { readonly kind: 'replace'; readonly id: number; readonly path: string; readonly bytes: Uint8Array }
  /** In the file made by `replace`. */
  | { readonly kind: 'write'; readonly id: number; readonly offset: number; readonly bytes: Uint8Array };

export type WriterReply =
  | { readonly kind: 'durable'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly code: string | null; readonly message: string };
