/** Killed before each of its writes and in each step: the node that joins in a reshare. */
import { renewalTests } from './renewal.ts';

renewalTests('joining');
