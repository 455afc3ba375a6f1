/** Entry of a worker that dies while it starts, for tests. The message of its error is not for anybody's eyes. */
throw new RangeError('a secret of the worker');
