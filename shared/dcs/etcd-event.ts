/** What the etcd door tells its log. Nothing is decided by these. */
export type EtcdEvent =
  | { readonly kind: 'endpoint-suspect'; readonly url: string; readonly why: string }
  | { readonly kind: 'endpoint-ready'; readonly url: string; readonly suspectForMs: number }
  | {
      readonly kind: 'attempt-failed';
      readonly url: string;
      readonly outcome: 'refused' | 'not-done' | 'unknown';
      readonly why: string;
      readonly afterMs: number;
    }
  | { readonly kind: 'watch-open'; readonly url: string; readonly prefix: string }
  | { readonly kind: 'watch-lost'; readonly url: string; readonly prefix: string; readonly why: string };

export type OnEtcdEvent = (event: EtcdEvent) => void;
