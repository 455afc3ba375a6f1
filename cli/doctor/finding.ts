/** One thing that `symbolon doctor` looked at. */
export interface Finding {
  /** `note`: works, and should be known. `bad`: stands in the way, or will within a day. */
  readonly state: 'ok' | 'note' | 'bad';
  readonly about: string;
  readonly what: string;
  /** What the operator does about it. */
  readonly todo?: string;
}
