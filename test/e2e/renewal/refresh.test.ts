/** Killed before each of its writes and in each step: a holder in a refresh. */
import { renewalTests } from './renewal.ts';

renewalTests('holder');
